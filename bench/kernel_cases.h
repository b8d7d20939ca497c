// The kernel families with shapes from the models that Linnet is measured on: one list for every target.
#pragma once

#include <string>
#include <vector>

namespace linnet::bench {

struct KernelCase {
  std::string family;  // "conv2d 1x1"
  std::string shape;   // "56x56x24 -> 144"
  std::string graph;   // as graph/text.h reads it, with one op beside its constants
  // What its inputs are drawn from, [low, high).
  double low = -1;
  double high = 1;
};

std::vector<KernelCase> kernel_cases();

}  // namespace linnet::bench

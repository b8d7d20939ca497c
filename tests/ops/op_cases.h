// The op suite's cases: those that the ops' own files hold, and one for each expression op.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace linnet::tests {

struct OpCase {
  std::string name;  // "conv2d/3"
  std::string text;  // the graph
  double low = -1;   // inputs are drawn from [low, high)
  double high = 1;
  double tolerance = 0;  // relative to the range of the outputs
};

std::vector<OpCase> op_cases();
// Graphs of several nodes that may run together by rows.
std::vector<OpCase> chain_cases();

// Each value of the graph, computed node by node with the reference kernels from the inputs, in the order of
// the graph's.
Result<std::vector<Tensor>> reference_values(const Graph& graph, std::span<const Tensor> inputs);

}  // namespace linnet::tests

// What calibration saw of a graph's values.
#pragma once

#include <functional>
#include <map>
#include <string>

namespace linnet {

// The real numbers that a value takes.
struct ValueRange {
  float low = 0;
  float high = 0;
  // Nothing was measured: the product that computes the value finds the range of each row of its operand when
  // it runs.
  bool dynamic = false;
  bool operator==(const ValueRange&) const = default;
};

// By the name of the value after the passes that precede quantisation (passes/pipeline.h).
using Ranges = std::map<std::string, ValueRange, std::less<>>;

}  // namespace linnet

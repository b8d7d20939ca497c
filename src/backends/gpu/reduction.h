// Reductions as shader text.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

namespace linnet::gpu {

// How `value` and `next` become one. The name is that of WGSL's subgroup operations.
struct Fold {
  const char* name;
  const char* text;
  // Of no values, as f32 and as a whole number.
  float start;
  int32_t whole_start;
};
constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr Fold kAdd{"Add", "value + next", 0, 0}, kMul{"Mul", "value * next", 1, 1},
    kMax{"Max", "max(value, next)", -kInfinity, std::numeric_limits<int32_t>::min()},
    kMin{"Min", "min(value, next)", kInfinity, std::numeric_limits<int32_t>::max()};

// A reduction whose kernel has its operand, P.terms, and P.start: what no terms give, since a shader's text
// cannot say infinity.
struct Reduction {
  // The elements at which result e begins, and how far from there term t is.
  std::string base, offset;
  uint32_t results, terms = 1;
  bool inner;  // neighbouring terms are neighbours in memory
  const Fold* fold;
  const char* result;  // text of the result that `value`, of all terms, gives
};

}  // namespace linnet::gpu

// Compares what two models compute, value by value.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compress/observer.h"

namespace linnet {

// Values of two models that stand for the same.
struct ValueMatch {
  size_t first, second;  // indices
  bool by_name;          // else by their place
};

// Matches values of one shape by their names. What is left between two such matches is aligned by the longest
// common subsequence of op and shape, for models whose names differ. In the order of `first`.
std::vector<ValueMatch> match_values(std::span<const ObservedValue> first,
                                     std::span<const ObservedValue> second);

// The error of values against what was expected of them, over any number of samples.
class ErrorSum {
 public:
  // Spans of the same size. Elements that are not finite in one of them count apart, unless they are equal.
  void add(std::span<const float> expected, std::span<const float> found);

  uint64_t elements() const { return count_; }
  uint64_t not_finite() const { return not_finite_; }
  double max() const { return max_; }
  double rms() const;
  // Largest less smallest expected element.
  double range() const { return count_ == 0 ? 0 : high_ - low_; }
  // rms() as a part of range(): 0 without an error, infinite for an error of a constant.
  double relative() const;
  // Signal to quantisation noise: the expected elements' energy by the error's, in decibels. Infinite without
  // an error.
  double sqnr() const;

 private:
  uint64_t count_ = 0, not_finite_ = 0;
  double low_ = 0, high_ = 0, max_ = 0, signal_ = 0, noise_ = 0;
};

}  // namespace linnet

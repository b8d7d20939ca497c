// One axis of a resize: which samples make each output, with which weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace linnet {

// Output i is the sum over k < taps of sample begin + first[i] + k times weight k of its, and the weights of
// an output sum to about 1. They are in units of 2^-kWeightBits, in halves that fit the 16-bit lanes of a dot
// product: a weight is high * 2^kHalfBits + low, so that sums of dot products are those of whole weights.
struct Axis {
  static constexpr int kWeightBits = 22;
  static constexpr int kHalfBits = kWeightBits / 2;

  int begin = 0, count = 0;  // the samples that are read
  int size = 0;              // outputs; some more follow, to a multiple of 8, that repeat the last
  int taps = 0;
  size_t stride = 0;          // taps in multiples of 8; the weights beyond are 0
  std::vector<int> first;     // never decreases
  std::vector<int16_t> high;  // `stride` for each output
  std::vector<int16_t> low;
};

// `size` outputs spread evenly over [begin, begin + length), in samples' widths; sample i lies at i + 0.5.
// The filter is a triangle whose support grows with the downscale ratio (each output averages about as many
// samples as it covers); upscaling it is linear interpolation. It reaches no sample outside the span, but
// those that straddle its ends count as a whole.
Axis make_axis(double begin, double length, int size);

}  // namespace linnet

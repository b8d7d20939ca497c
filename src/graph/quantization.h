// Whole numbers that stand for real ones: real = scale * (code - zero_point).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace linnet {

// Codes of activations are 0 .. kMaxCode, seven bits: products with 8-bit weights then fit the 16 bits in
// which i32x4.relaxed_dot_i8x16_i7x16_add may hold a sum of two of them, so that every engine gives the same.
inline constexpr int32_t kMaxCode = 127;
// Codes of weights are -kMaxWeightCode .. kMaxWeightCode, with zero point 0.
inline constexpr int32_t kMaxWeightCode = 127;

// Sums of so many products, and a bias of as much, fit 32 bits.
inline constexpr int64_t kMaxCodeDepth = (int64_t{1} << 30) / (kMaxCode * (kMaxWeightCode + 1));

struct Quantization {
  float scale = 1;
  int32_t zero_point = 0;
  bool operator==(const Quantization&) const = default;
};

// The codes for reals in [low, high], widened to hold 0, which gets a code of its own (Jacob et al. 2018). A
// range of nothing, or one that is not finite, gets scale 1.
inline Quantization quantization_of(float low, float high) {
  low = std::min(low, 0.0f);
  high = std::max(high, 0.0f);
  const float scale = (high - low) / static_cast<float>(kMaxCode);
  if (!(scale > 0) || !std::isfinite(scale) || !std::isfinite(1 / scale)) return {1, 0};
  return {scale, static_cast<int32_t>(std::nearbyint(-low / scale))};
}

// The codes that a result may take: within [low, high], around its zero point.
struct CodeRange {
  int32_t zero_point = 0;
  int32_t low = 0;
  int32_t high = kMaxCode;
};

// The code of `value`, counted in units of the result's scale: clamped, then rounded half to even. NaN gives
// the lowest. Kernels do these operations in this order, in f32 without contraction, so every target agrees
// to the bit.
inline int8_t to_code(float value, const CodeRange& range) {
  const float low = static_cast<float>(range.low - range.zero_point);
  const float high = static_cast<float>(range.high - range.zero_point);
  value = value > low ? value : low;
  value = value < high ? value : high;
  return static_cast<int8_t>(static_cast<int32_t>(std::nearbyint(value)) + range.zero_point);
}

// How a row of reals becomes codes for the range of its own elements.
struct RowQuantization {
  float inverse;  // of the scale that the codes are made with
  int32_t zero_point;
  float scale;  // NaN where an element of the row, or its range, is not finite
};

// `zeros` is the sum of the row's elements times 0.
inline RowQuantization row_quantization_of(float low, float high, float zeros) {
  const Quantization of = quantization_of(low, high);
  return {1 / of.scale, of.zero_point, of.scale + (zeros + (high - low) * 0)};
}

// The code of a mean of `count` codes: it has their scale and zero point.
inline int8_t mean_code(int32_t sum, int32_t count) {
  return static_cast<int8_t>(std::nearbyint(static_cast<float>(sum) * (1.0f / static_cast<float>(count))));
}

}  // namespace linnet

// From sums of products of codes to codes.
#pragma once

#include <algorithm>

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"
#include "simd/dot.h"

namespace linnet::cpu {

// A step's Requantisation, ready for its kernel.
struct Requantiser {
  const float* multiplier;
  const int8_t* residual;  // null: none
  const int8_t* out;       // the result
  float* f32;              // the same, of a result that is f32; null otherwise
  simd::VI residual_zero, zero;
  simd::V residual_scale;
  simd::CodeLimits limits;

  Requantiser(const Memory& memory, const Requantisation& p, Ref result)
      : multiplier(memory.at<float>(p.multiplier)),
        residual(p.residual.is_none() ? nullptr : memory.at<int8_t>(p.residual)),
        out(memory.at<int8_t>(result)),
        f32(p.is_f32 != 0 ? memory.at<float>(result) : nullptr),
        residual_zero(simd::splat_integer(p.residual_zero)),
        zero(simd::splat_integer(p.zero)),
        residual_scale(simd::splat(p.residual_scale)),
        limits(p.low, p.high) {}

  // Writes the first `count` results of two vectors of sums, whose first is of `column`: codes to `to`, a f32
  // to the element of the same number. A residual is read where they are written, just before.
  void store(int8_t* to, const simd::VI (&sums)[2], uint32_t column, int count) const {
    using simd::kWidth;
    const ptrdiff_t element = to - out;
    simd::VI values[2];
    for (int v = 0; v < 2; ++v) {
      const int lanes = std::clamp(count - v * kWidth, 0, kWidth);
      simd::V value = simd::to_float(sums[v]) * simd::load(multiplier + column + v * kWidth);
      if (f32 != nullptr) {
        simd::store_partial(f32 + element + v * kWidth, value, lanes);
        continue;
      }
      if (residual != nullptr) {
        const simd::VI codes = simd::load_codes(residual + element + v * kWidth, lanes);
        value += simd::to_float(codes - residual_zero) * residual_scale;
      }
      values[v] = simd::round_to_integer(value) + zero;
    }
    if (f32 == nullptr) simd::store_codes(to, values, limits, count);
  }
};

}  // namespace linnet::cpu

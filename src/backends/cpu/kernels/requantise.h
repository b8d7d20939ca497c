// From sums of products of codes to codes.
#pragma once

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"
#include "simd/dot.h"

namespace linnet::cpu {

// A step's Requantisation, ready for its kernel.
struct Requantiser {
  const float* multiplier;
  const int8_t* residual;  // null: none
  const int8_t* out;       // where the residual's first code belongs
  simd::VI residual_zero, zero;
  simd::V residual_scale;
  simd::CodeLimits limits;

  Requantiser(const Memory& memory, const Requantisation& p, Ref result)
      : multiplier(memory.at<float>(p.multiplier)),
        residual(p.residual.is_none() ? nullptr : memory.at<int8_t>(p.residual)),
        out(memory.at<int8_t>(result)),
        residual_zero(simd::splat_integer(p.residual_zero)),
        zero(simd::splat_integer(p.zero)),
        residual_scale(simd::splat(p.residual_scale)),
        limits(p.low, p.high) {}

  // Writes the first `count` codes of two vectors of sums, whose first is of `column`, to `to`. A residual is
  // read where they are written, just before.
  void store(int8_t* to, const simd::VI (&sums)[2], uint32_t column, int count) const {
    using simd::kWidth;
    simd::VI values[2];
    for (int v = 0; v < 2; ++v) {
      simd::V value = simd::to_float(sums[v]) * simd::load(multiplier + column + v * kWidth);
      if (residual != nullptr) {
        const int left = count - v * kWidth;
        const simd::VI codes = simd::load_codes(residual + (to - out) + v * kWidth, left >= kWidth ? kWidth
                                                                                    : left > 0     ? left
                                                                                                   : 0);
        value += simd::to_float(codes - residual_zero) * residual_scale;
      }
      values[v] = simd::round_to_integer(value) + zero;
    }
    simd::store_codes(to, values, limits, count);
  }
};

}  // namespace linnet::cpu

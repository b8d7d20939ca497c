// From sums of products of codes to codes.
#pragma once

#include <algorithm>

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"
#include "simd/dot.h"

namespace linnet::cpu {

// A step's Requantisation, ready for its kernel.
struct Requantiser {
  const float* multiplier;  // null: the results are the sums
  const int8_t* residual;   // null: none
  const int8_t* out;        // the result
  float* f32;               // the same, of a result of 32 bits; null otherwise
  simd::VI residual_zero;
  simd::V residual_scale;
  simd::VI origin;
  simd::CodeLimits limits;

  Requantiser(const Memory& memory, const Requantisation& p, Ref result)
      : multiplier(p.multiplier.is_none() ? nullptr : memory.at<float>(p.multiplier)),
        residual(p.residual.is_none() ? nullptr : memory.at<int8_t>(p.residual)),
        out(memory.at<int8_t>(result)),
        f32(p.is_f32 != 0 ? memory.at<float>(result) : nullptr),
        residual_zero(simd::splat_integer(p.residual_zero)),
        residual_scale(simd::splat(p.residual_scale)),
        origin(simd::rounding_origin(p.zero)),
        limits(p.low, p.high) {}

  // Writes the first `count` results of two pixels, of two vectors of sums each, whose first is of `column`:
  // codes to `to`, a f32 to the element of the same number. A residual is read where they are written, just
  // before. Both may go to the same place: the second's results remain.
  void store(int8_t* const (&to)[2], const simd::VI (&sums)[2][2], uint32_t column, uint32_t count) const {
    if (f32 != nullptr || count < 2 * simd::kWidth) [[unlikely]] {
      if (to[0] != to[1]) store_any(to[0], sums[0][0], sums[0][1], column, static_cast<int>(count));
      store_any(to[1], sums[1][0], sums[1][1], column, static_cast<int>(count));
      return;
    }
    simd::V values[2][2];
    for (int v = 0; v < 2; ++v)
      for (int r = 0; r < 2; ++r) values[r][v] = scaled(sums[r][v], column, v);
    if (residual != nullptr)
      for (int v = 0; v < 2; ++v)
        for (int r = 0; r < 2; ++r) values[r][v] += residual_at(to[r], v, simd::kWidth);
    simd::VI codes[2][2];
    for (int v = 0; v < 2; ++v)
      for (int r = 0; r < 2; ++r) codes[r][v] = simd::round_to_integer(values[r][v], origin);
    simd::store_codes(to, codes, limits);
  }

 private:
  simd::V scaled(simd::VI sums, uint32_t column, int v) const {
    return simd::to_float(sums) * simd::load(multiplier + column + v * simd::kWidth);
  }
  // What the residual adds to `lanes` lanes of vector v of the results that go to `to`.
  simd::V residual_at(const int8_t* to, int v, int lanes) const {
    const simd::VI codes = simd::load_codes(residual + (to - out) + v * simd::kWidth, lanes);
    return simd::to_float(codes - residual_zero) * residual_scale;
  }

  // Out of line: inlined, it would take registers from the kernels.
  [[gnu::noinline]] void store_any(int8_t* to, simd::VI low, simd::VI high, uint32_t column,
                                   int count) const {
    using simd::kWidth;
    simd::VI codes[2] = {low, high};
    for (int v = 0; v < 2; ++v) {
      const int lanes = std::clamp(count - v * kWidth, 0, kWidth);
      simd::V value = multiplier != nullptr ? scaled(codes[v], column, v) : (simd::V)codes[v];
      if (f32 != nullptr) {
        simd::store_lanes(f32 + (to - out) + v * kWidth, value, lanes);
        continue;
      }
      if (residual != nullptr) value += residual_at(to, v, lanes);
      codes[v] = simd::round_to_integer(value, origin);
    }
    if (f32 == nullptr) simd::store_codes(to, codes, limits, std::min(count, 2 * kWidth));
  }
};

}  // namespace linnet::cpu

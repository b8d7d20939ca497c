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

  // Whether all of `count` results from a first one are codes that fill two vectors.
  bool is_whole(uint32_t count) const { return f32 == nullptr && count >= 2 * simd::kWidth; }

  // Writes the results of a pixel from two vectors of sums, whose first is of `column`: codes to `to`. A
  // residual is read where they are written, just before. Calls nothing, so that a loop around it keeps its
  // registers.
  void store_codes(int8_t* to, const simd::VI (&sums)[2], uint32_t column) const {
    simd::VI codes[2];
    for (int v = 0; v < 2; ++v) codes[v] = code(to, sums[v], column, v);
    simd::store_codes(to, codes, limits);
  }

  // The same of two pixels. Both may go to the same place: the second's results remain.
  void store_codes(int8_t* const (&to)[2], const simd::VI (&sums)[2][2], uint32_t column) const {
    simd::VI codes[2][2];
    for (int v = 0; v < 2; ++v)
      for (int r = 0; r < 2; ++r) codes[r][v] = code(to[r], sums[r][v], column, v);
    simd::store_codes(to, codes, limits);
  }

  // The first `count` results of a pixel, whatever they are: a f32 goes to the element of the same number.
  [[gnu::noinline]] void store(int8_t* to, const int32_t* sums, uint32_t column, uint32_t count) const {
    using simd::kWidth;
    simd::VI codes[2];
    for (int v = 0; v < 2; ++v) {
      const int lanes = std::clamp(static_cast<int>(count) - v * kWidth, 0, kWidth);
      const simd::VI integers = simd::load_integers(sums + v * kWidth);
      simd::V value = multiplier != nullptr ? scaled(integers, column, v) : (simd::V)integers;
      if (f32 != nullptr) {
        simd::store_lanes(f32 + (to - out) + v * kWidth, value, lanes);
        continue;
      }
      if (residual != nullptr) value += residual_at(to, v, lanes);
      codes[v] = simd::round_to_integer(value, origin);
    }
    if (f32 == nullptr)
      simd::store_codes(to, codes, limits, static_cast<int>(std::min<uint32_t>(count, 2 * kWidth)));
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
  simd::VI code(const int8_t* to, simd::VI sums, uint32_t column, int v) const {
    simd::V value = scaled(sums, column, v);
    if (residual != nullptr) value += residual_at(to, v, simd::kWidth);
    return simd::round_to_integer(value, origin);
  }
};

}  // namespace linnet::cpu

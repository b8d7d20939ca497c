// The loop whose speed is the peak of one core in fused multiply-adds, in WebAssembly and natively.
#pragma once

#include <cstdint>

#include "simd/simd.h"

namespace linnet {

// Independent sums: enough to hide the latency of an instruction, few enough for 16 registers.
inline constexpr int kPeakSums = 12;

// `rounds` multiply-adds of each of the sums. Gives something that depends on all of them.
inline float fma_rounds(int32_t rounds, float start) {
  const simd::V factor = simd::splat(0.999f + start * 0), addend = simd::splat(1e-3f);
  simd::V sums[kPeakSums];
  for (int i = 0; i < kPeakSums; ++i) sums[i] = simd::splat(static_cast<float>(i));
  for (int32_t round = 0; round < rounds; ++round) {
#pragma clang loop unroll(full)
    for (int i = 0; i < kPeakSums; ++i) sums[i] = simd::multiply_add(factor, addend, sums[i]);
  }
  simd::V total{};
  for (const simd::V& sum : sums) total += sum;
  return simd::sum_lanes(total);
}

// Floating-point operations of so many rounds.
constexpr double fma_operations(int32_t rounds) {
  return 2.0 * simd::kWidth * kPeakSums * rounds;
}

}  // namespace linnet

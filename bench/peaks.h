// The loops whose speeds are the peaks of one core in fused multiply-adds and in int8 dot products, in
// WebAssembly and natively.
#pragma once

#include <cstdint>

#include "simd/simd.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

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

#if defined(__wasm_relaxed_simd__)
using DotBytes = v128_t;
inline DotBytes dot_splat(int8_t value) {
  return wasm_i8x16_splat(value);
}
inline DotBytes dot_add(DotBytes a, DotBytes b, DotBytes sum) {
  return wasm_i32x4_relaxed_dot_i8x16_i7x16_add(a, b, sum);
}
#elif defined(__AVX2__)
using DotBytes = __m256i;
inline DotBytes dot_splat(int8_t value) {
  return _mm256_set1_epi8(value);
}
inline DotBytes dot_add(DotBytes a, DotBytes b, DotBytes sum) {
  // Lest the products, which are always the same, be computed once.
  asm volatile("" : "+x"(b));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(b, a), _mm256_set1_epi16(1)));
}
#else
#define LINNET_NO_DOT_PEAK
#endif

// The same in dot products of four signed bytes with four of 7 bits, added to sums of 32 bits. Gives
// something that depends on all of them.
inline int32_t dot_rounds([[maybe_unused]] int32_t rounds, int32_t start) {
#ifdef LINNET_NO_DOT_PEAK
  return start;
#else
  const DotBytes a = dot_splat(static_cast<int8_t>(3 + start * 0)), b = dot_splat(5);
  DotBytes sums[kPeakSums];
  for (int i = 0; i < kPeakSums; ++i) sums[i] = dot_splat(static_cast<int8_t>(i));
  for (int32_t round = 0; round < rounds; ++round) {
#pragma clang loop unroll(full)
    for (int i = 0; i < kPeakSums; ++i) sums[i] = dot_add(a, b, sums[i]);
  }
  int32_t total = 0;
  for (const DotBytes& sum : sums) {
    int32_t first;
    __builtin_memcpy(&first, &sum, sizeof first);
    total += first;
  }
  return total;
#endif
}

// Whole-number operations of so many rounds; 0 where the target has no loop.
constexpr double dot_operations([[maybe_unused]] int32_t rounds) {
#ifdef LINNET_NO_DOT_PEAK
  return 0;
#else
  return 2.0 * sizeof(DotBytes) * kPeakSums * rounds;
#endif
}

}  // namespace linnet

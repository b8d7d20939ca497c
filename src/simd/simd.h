// One vector contract for every target: clang's portable vectors, as wide as the target has them. Kernels are
// written against V and never name an instruction set.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__wasm_relaxed_simd__)
#include <wasm_simd128.h>
#endif

namespace linnet::simd {

#if defined(__AVX512F__)
inline constexpr int kWidth = 16;
#elif defined(__AVX__)
inline constexpr int kWidth = 8;
#else
inline constexpr int kWidth = 4;
#endif

using V = float __attribute__((vector_size(kWidth * 4)));
using VI = int32_t __attribute__((vector_size(kWidth * 4)));

// Matrix tiles of kTileRows rows by kTileVectors vectors keep their sums in registers: 16 registers of 128
// bits hold 4x2 sums with room for operands (6x2 spills in V8), 16 of 256 bits 6x2 as the compiler sees them
// natively.
#if defined(__wasm__)
inline constexpr int kTileRows = 4;
#else
inline constexpr int kTileRows = 6;
#endif
inline constexpr int kTileVectors = 2;
inline constexpr int kTileColumns = kTileVectors * kWidth;

inline V splat(float value) {
  V v;
#pragma clang loop unroll(full)
  for (int i = 0; i < kWidth; ++i) v[i] = value;
  return v;
}
inline V load(const float* p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, V v) {
  std::memcpy(p, &v, sizeof v);
}
// The first `count` lanes, the others 0.
inline V load_partial(const float* p, int count) {
  V v{};
  std::memcpy(&v, p, static_cast<size_t>(count) * sizeof(float));
  return v;
}
inline void store_partial(float* p, V v, int count) {
  std::memcpy(p, &v, static_cast<size_t>(count) * sizeof(float));
}

// The same, of up to kWidth lanes.
inline void store_lanes(float* p, V v, int count) {
  if (count == kWidth)
    store(p, v);
  else
    store_partial(p, v, count);
}

// a * b + c, in one rounding where the target has it fast, in two elsewhere.
inline V multiply_add(V a, V b, V c) {
#if defined(__wasm_relaxed_simd__)
  return (V)wasm_f32x4_relaxed_madd((v128_t)a, (v128_t)b, (v128_t)c);
#elif defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  return __builtin_elementwise_fma(a, b, c);
#else
  return a * b + c;
#endif
}

// As the scalar algebra: b < a ? b : a, so that a NaN in `a` stays.
inline V min(V a, V b) {
#if defined(__wasm_simd128__)
  return __builtin_wasm_pmin_f32x4(a, b);
#else
  return b < a ? b : a;
#endif
}
inline V max(V a, V b) {
#if defined(__wasm_simd128__)
  return __builtin_wasm_pmax_f32x4(a, b);
#else
  return a < b ? b : a;
#endif
}

inline float sum_lanes(V v) {
  float sum = 0;
  for (int i = 0; i < kWidth; ++i) sum += v[i];
  return sum;
}

}  // namespace linnet::simd

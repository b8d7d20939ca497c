// Whole-number vectors of 128 bits, for pixels.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace linnet::simd {

using U8x8 = uint8_t __attribute__((vector_size(8)));
using U8x16 = uint8_t __attribute__((vector_size(16)));
using I16x8 = int16_t __attribute__((vector_size(16)));
using I32x4 = int32_t __attribute__((vector_size(16)));
using F32x4 = float __attribute__((vector_size(16)));

template <class T>
T load_as(const void* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// Eight bytes as 16-bit lanes.
inline I16x8 load_widened(const uint8_t* p) {
  return __builtin_convertvector(load_as<U8x8>(p), I16x8);
}
inline I16x8 widen_low(U8x16 v) {
  return __builtin_convertvector(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7), I16x8);
}
inline I16x8 widen_high(U8x16 v) {
  return __builtin_convertvector(__builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15), I16x8);
}

// The lanes of two vectors in turn: a0 b0 a1 b1 ... of the lower and of the upper half.
inline U8x16 zip_low(U8x16 a, U8x16 b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
inline U8x16 zip_high(U8x16 a, U8x16 b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
inline I16x8 zip_low(I16x8 a, I16x8 b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
inline I16x8 zip_high(I16x8 a, I16x8 b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

// Lane i: a[2i] * b[2i] + a[2i + 1] * b[2i + 1].
inline I32x4 dot_pairs(I16x8 a, I16x8 b) {
#if defined(__wasm_simd128__)
  return __builtin_wasm_dot_s_i32x4_i16x8(a, b);
#elif defined(__SSE2__)
  return __builtin_ia32_pmaddwd128(a, b);
#else
  I32x4 sums;
  for (int i = 0; i < 4; ++i) sums[i] = a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];
  return sums;
#endif
}

// The lanes of both vectors, in order, clamped to what the narrower type holds.
inline I16x8 narrow(I32x4 a, I32x4 b) {
#if defined(__wasm_simd128__)
  return __builtin_wasm_narrow_s_i16x8_i32x4(a, b);
#elif defined(__SSE2__)
  return __builtin_ia32_packssdw128(a, b);
#else
  I16x8 v;
  for (int i = 0; i < 8; ++i)
    v[i] = static_cast<int16_t>(std::clamp<int32_t>(i < 4 ? a[i] : b[i - 4], INT16_MIN, INT16_MAX));
  return v;
#endif
}
inline U8x16 narrow(I16x8 a, I16x8 b) {
#if defined(__wasm_simd128__)
  return (U8x16)__builtin_wasm_narrow_u_i8x16_i16x8(a, b);
#elif defined(__SSE2__)
  return (U8x16)__builtin_ia32_packuswb128(a, b);
#else
  U8x16 v;
  for (int i = 0; i < 16; ++i)
    v[i] = static_cast<uint8_t>(std::clamp<int16_t>(i < 8 ? a[i] : b[i - 8], 0, UINT8_MAX));
  return v;
#endif
}

// A pair of 16-bit values, as they lie side by side in memory, in all lanes.
inline I16x8 splat_pair(const int16_t* pair) {
  const auto both = load_as<int32_t>(pair);
  const I32x4 all = {both, both, both, both};
  return (I16x8)all;
}

}  // namespace linnet::simd

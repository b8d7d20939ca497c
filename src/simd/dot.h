// Sums of products of 7-bit codes and 8-bit weights, and codes from such sums: exact, or rounded in the same
// way, on every target.
#pragma once

#include <cstdint>
#include <cstring>

#include "simd/pixels.h"
#include "simd/simd.h"

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#endif

namespace linnet::simd {

// How many neighbouring products one instruction adds to a lane.
#if defined(__wasm_relaxed_simd__) || defined(__AVX2__) || defined(__ARM_FEATURE_DOTPROD)
inline constexpr int kDotDepth = 4;
#else
inline constexpr int kDotDepth = 2;
#endif

// Tiles of integer sums: of codes' rows by vectors of outputs. More rows would leave no register to targets
// that need several instructions for a dot product.
inline constexpr int kDotTileRows = 4;
inline constexpr int kDotTileVectors = 2;
inline constexpr int kDotTileColumns = kDotTileVectors * kWidth;

// kWidth groups of kDotDepth bytes: as they lie in memory, or widened where sums are of pairs of 16 bits.
struct DotOperand {
  VI bits;
};

namespace internal {

// Bytes to 16 bits.
inline DotOperand widen(const int8_t (&bytes)[2 * kWidth]) {
  using Bytes = int8_t __attribute__((vector_size(2 * kWidth)));
  using Words = int16_t __attribute__((vector_size(4 * kWidth)));
  Bytes v;
  std::memcpy(&v, bytes, sizeof v);
  return {(VI) __builtin_convertvector(v, Words)};
}

}  // namespace internal

// kWidth * kDotDepth weights.
inline DotOperand load_weights(const int8_t* p) {
  if constexpr (kDotDepth == 4) {
    DotOperand operand;
    std::memcpy(&operand.bits, p, sizeof operand.bits);
    return operand;
  }
#if defined(__wasm_simd128__)
  return {(VI)wasm_i16x8_load8x8(p)};
#else
  int8_t bytes[2 * kWidth];
  std::memcpy(bytes, p, sizeof bytes);
  return internal::widen(bytes);
#endif
}

// kDotDepth codes, for every lane.
inline DotOperand splat_codes(const int8_t* p) {
  if constexpr (kDotDepth == 4) {
    int32_t group;
    std::memcpy(&group, p, sizeof group);
    return {VI{} + group};
  }
  uint32_t pair = static_cast<uint8_t>(p[0]) | static_cast<uint32_t>(static_cast<uint8_t>(p[1])) << 16;
  return {VI{} + static_cast<int32_t>(pair)};
}

// sums[i] += the products of group i. `codes` are 0 .. 127.
inline VI dot_add(DotOperand codes, DotOperand weights, VI sums) {
#if defined(__wasm_relaxed_simd__)
  return (VI)wasm_i32x4_relaxed_dot_i8x16_i7x16_add((v128_t)weights.bits, (v128_t)codes.bits, (v128_t)sums);
#elif defined(__AVX512VNNI__)
  return (VI)__builtin_ia32_vpdpbusd512(sums, codes.bits, weights.bits);
#elif defined(__AVX512BW__)
  using Words = int16_t __attribute__((vector_size(64)));
  using Bytes = char __attribute__((vector_size(64)));
  const Words pairs = __builtin_ia32_pmaddubsw512((Bytes)codes.bits, (Bytes)weights.bits);
  return sums + (VI)__builtin_ia32_pmaddwd512(pairs, Words{} + int16_t{1});
#elif defined(__AVXVNNI__)
  return (VI)__builtin_ia32_vpdpbusd256(sums, codes.bits, weights.bits);
#elif defined(__AVX2__)
  using Words = int16_t __attribute__((vector_size(32)));
  using Bytes = char __attribute__((vector_size(32)));
  const Words pairs = __builtin_ia32_pmaddubsw256((Bytes)codes.bits, (Bytes)weights.bits);
  return sums + (VI)__builtin_ia32_pmaddwd256(pairs, Words{} + int16_t{1});
#elif defined(__ARM_FEATURE_DOTPROD)
  return (VI)vdotq_s32((int32x4_t)sums, (int8x16_t)weights.bits, (int8x16_t)codes.bits);
#elif defined(__wasm_simd128__) || (defined(__SSE2__) && !defined(__AVX__))
  return sums + (VI)dot_pairs((I16x8)codes.bits, (I16x8)weights.bits);
#else
  const VI low = ((codes.bits << 16) >> 16) * ((weights.bits << 16) >> 16);
  return sums + low + (codes.bits >> 16) * (weights.bits >> 16);
#endif
}

inline VI load_integers(const int32_t* p) {
  VI v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store_integers(int32_t* p, VI v) {
  std::memcpy(p, &v, sizeof v);
}
inline VI splat_integer(int32_t value) {
  return VI{} + value;
}
inline V to_float(VI v) {
  return __builtin_convertvector(v, V);
}

// kWidth codes as whole numbers; the first `count`, the others 0.
inline VI load_codes(const int8_t* p, int count = kWidth) {
  using Bytes = int8_t __attribute__((vector_size(kWidth)));
#if defined(__wasm_simd128__)
  if (count == kWidth)
    return (VI)wasm_i32x4_extend_low_i16x8(wasm_i16x8_extend_low_i8x16(wasm_v128_load32_zero(p)));
#endif
  Bytes bytes{};
  std::memcpy(&bytes, p, static_cast<size_t>(count));
  return __builtin_convertvector(bytes, VI);
}

// Where round_to_integer counts from for results that are `zero` higher.
inline VI rounding_origin(int32_t zero) {
  // The bits of 1.5 * 2^23.
  return splat_integer(0x4b400000 - zero);
}

// Rounded half to even. |value| is below 2^22.
inline VI round_to_integer(V value, VI origin = rounding_origin(0)) {
  // Adding 1.5 * 2^23 leaves no bits for a fraction.
  return (VI)(value + splat(12582912)) - origin;
}

// The codes of kDotDepth taps side by side: of channel c + i of them in lane i of both operands together.
// They are 0 .. 127; others spoil their channel alone.
inline void interleave_codes(const int8_t* const* taps, size_t c, DotOperand (&to)[2]) {
#if defined(__wasm_simd128__)
  const auto pairs = [=](int tap) {
    return wasm_i8x16_shuffle(wasm_v128_load64_zero(taps[tap] + c), wasm_v128_load64_zero(taps[tap + 1] + c),
                              0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  };
  if constexpr (kDotDepth == 4) {
    const v128_t a = pairs(0), b = pairs(2);
    to[0].bits = (VI)wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    to[1].bits = (VI)wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  } else {
    const v128_t a = pairs(0);
    to[0].bits = (VI)wasm_i16x8_extend_low_i8x16(a);
    to[1].bits = (VI)wasm_i16x8_extend_high_i8x16(a);
  }
#else
  constexpr int kBits = 32 / kDotDepth;
  for (int v = 0; v < 2; ++v) {
    to[v].bits = load_codes(taps[0] + c + v * kWidth);
    for (int tap = 1; tap < kDotDepth; ++tap)
      to[v].bits |= load_codes(taps[tap] + c + v * kWidth) << (tap * kBits);
  }
#endif
}

// What codes may be.
struct CodeLimits {
#if defined(__wasm_simd128__)
  v128_t low, high;
  CodeLimits(int32_t lowest, int32_t highest)
      : low(wasm_i8x16_splat(static_cast<int8_t>(lowest))),
        high(wasm_i8x16_splat(static_cast<int8_t>(highest))) {}
#else
  VI low, high;
  CodeLimits(int32_t lowest, int32_t highest) : low(splat_integer(lowest)), high(splat_integer(highest)) {}
#endif
};

// The first `count` of 2 * kWidth values as codes, clamped. |values| are below 2^23.
inline void store_codes(int8_t* p, const VI (&values)[2], const CodeLimits& limits, int count = 2 * kWidth) {
#if defined(__wasm_simd128__)
  const v128_t words = wasm_i16x8_narrow_i32x4((v128_t)values[0], (v128_t)values[1]);
  const v128_t bytes =
      wasm_i8x16_min(wasm_i8x16_max(wasm_i8x16_narrow_i16x8(words, words), limits.low), limits.high);
  if (count == 2 * kWidth)
    wasm_v128_store64_lane(p, bytes, 0);
  else
    std::memcpy(p, &bytes, static_cast<size_t>(count));
#else
  using Bytes = int8_t __attribute__((vector_size(kWidth)));
  Bytes bytes[2];
  for (int i = 0; i < 2; ++i)
    bytes[i] = __builtin_convertvector(
        __builtin_elementwise_min(__builtin_elementwise_max(values[i], limits.low), limits.high), Bytes);
  if (count == 2 * kWidth)
    std::memcpy(p, bytes, sizeof bytes);
  else
    std::memcpy(p, bytes, static_cast<size_t>(count));
#endif
}

// The same of two rows of 2 * kWidth values.
inline void store_codes(int8_t* const (&rows)[2], const VI (&values)[2][2], const CodeLimits& limits) {
#if defined(__wasm_simd128__)
  v128_t words[2];
  for (int r = 0; r < 2; ++r) words[r] = wasm_i16x8_narrow_i32x4((v128_t)values[r][0], (v128_t)values[r][1]);
  const v128_t bytes =
      wasm_i8x16_min(wasm_i8x16_max(wasm_i8x16_narrow_i16x8(words[0], words[1]), limits.low), limits.high);
  wasm_v128_store64_lane(rows[0], bytes, 0);
  wasm_v128_store64_lane(rows[1], bytes, 1);
#else
  for (int r = 0; r < 2; ++r) store_codes(rows[r], values[r], limits);
#endif
}

}  // namespace linnet::simd

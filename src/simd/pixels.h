// Whole-number vectors of 128 bits, for pixels.
#pragma once

#include <cstdint>
#include <cstring>

namespace linnet::simd {

using U8x16 = uint8_t __attribute__((vector_size(16)));
using I16x8 = int16_t __attribute__((vector_size(16)));
using I32x4 = int32_t __attribute__((vector_size(16)));

inline U8x16 load_bytes(const uint8_t* p) {
  U8x16 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// The first kCount bytes, the others 0.
template <size_t kCount>
U8x16 load_first(const uint8_t* p) {
  U8x16 v{};
  std::memcpy(&v, p, kCount);
  return v;
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

// The pair (low half, high half) of `pair` in all lanes.
inline I16x8 splat_pair(int32_t pair) {
  const I32x4 all = {pair, pair, pair, pair};
  return (I16x8)all;
}

}  // namespace linnet::simd

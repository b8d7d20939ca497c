// The most that one core of this machine does inside WebAssembly: the measure of every kernel.
#include <wasm_simd128.h>

#include <cstdint>

#include "bench/fma_peak.h"

namespace linnet {
namespace {

volatile float float_sink;
volatile int32_t integer_sink;

}  // namespace

// Fused multiply-adds, `rounds` times kPeakSums of them. Gives the operations done.
extern "C" [[clang::export_name("fma_peak")]] double fma_peak(int32_t rounds) {
  float_sink = fma_rounds(rounds, float_sink);
  return fma_operations(rounds);
}

// Dot products of 16 bytes into four sums, `rounds` times kPeakSums of them. Gives the operations done.
extern "C" [[clang::export_name("dot_peak")]] double dot_peak(int32_t rounds) {
  const v128_t a = wasm_i8x16_splat(static_cast<int8_t>(3 + integer_sink * 0)), b = wasm_i8x16_splat(5);
  v128_t sums[kPeakSums];
  for (int i = 0; i < kPeakSums; ++i) sums[i] = wasm_i32x4_splat(i);
  for (int32_t round = 0; round < rounds; ++round) {
#pragma clang loop unroll(full)
    for (int i = 0; i < kPeakSums; ++i) sums[i] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(a, b, sums[i]);
  }
  v128_t total = sums[0];
  for (int i = 1; i < kPeakSums; ++i) total = wasm_i32x4_add(total, sums[i]);
  integer_sink = wasm_i32x4_extract_lane(total, 0);
  return 2.0 * 16 * kPeakSums * rounds;
}

}  // namespace linnet

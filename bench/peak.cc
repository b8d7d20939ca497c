// The most that one core of this machine does inside WebAssembly: the measure of every kernel.
#include <wasm_simd128.h>

#include <cstdint>

namespace {

constexpr int kSums = 12;          // independent: enough to hide the latency, few enough for 16 registers
constexpr double kOperations = 2;  // a multiplication and an addition

volatile float float_sink;
volatile int32_t integer_sink;

}  // namespace

// Fused multiply-adds of four floats, `rounds` times kSums of them. Gives the operations done.
extern "C" [[clang::export_name("fma_peak")]] double fma_peak(int32_t rounds) {
  const v128_t factor = wasm_f32x4_splat(0.999f + float_sink * 0), addend = wasm_f32x4_splat(1e-3f);
  v128_t sums[kSums];
  for (int i = 0; i < kSums; ++i) sums[i] = wasm_f32x4_splat(static_cast<float>(i));
  for (int32_t round = 0; round < rounds; ++round) {
#pragma clang loop unroll(full)
    for (int i = 0; i < kSums; ++i) sums[i] = wasm_f32x4_relaxed_madd(factor, addend, sums[i]);
  }
  v128_t total = sums[0];
  for (int i = 1; i < kSums; ++i) total = wasm_f32x4_add(total, sums[i]);
  float_sink = wasm_f32x4_extract_lane(total, 0);
  return kOperations * 4 * kSums * rounds;
}

// Dot products of 16 bytes into four sums, `rounds` times kSums of them. Gives the operations done.
extern "C" [[clang::export_name("dot_peak")]] double dot_peak(int32_t rounds) {
  const v128_t a = wasm_i8x16_splat(static_cast<int8_t>(3 + integer_sink * 0)), b = wasm_i8x16_splat(5);
  v128_t sums[kSums];
  for (int i = 0; i < kSums; ++i) sums[i] = wasm_i32x4_splat(i);
  for (int32_t round = 0; round < rounds; ++round) {
#pragma clang loop unroll(full)
    for (int i = 0; i < kSums; ++i) sums[i] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(a, b, sums[i]);
  }
  v128_t total = sums[0];
  for (int i = 1; i < kSums; ++i) total = wasm_i32x4_add(total, sums[i]);
  integer_sink = wasm_i32x4_extract_lane(total, 0);
  return kOperations * 16 * kSums * rounds;
}

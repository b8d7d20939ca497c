// Maps from element to element, from or to codes. Vectors read past the end of codes, within kReadSlack.
#include <algorithm>

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"
#include "graph/quantization.h"
#include "simd/dot.h"

namespace linnet::cpu {

namespace {

using simd::kWidth;
using simd::V;
using simd::VI;

constexpr uint32_t kStep = 2 * kWidth;

// Calls `run(element, how many)` for up to kStep elements at a time of units `range`.
template <class Run>
void for_each_step(const CodeMapParams& p, Range range, Run run) {
  const uint32_t end = std::min(range.end * kCodeMapUnit, p.elements);
  for (uint32_t i = range.begin * kCodeMapUnit; i < end; i += kStep)
    run(i, static_cast<int>(std::min(kStep, end - i)));
}

V load_real(const int8_t* p, VI zero, V scale) {
  return simd::to_float(simd::load_codes(p) - zero) * scale;
}

// As to_code of graph/quantization.h.
struct Coder {
  V low, high;
  VI zero;
  explicit Coder(const CodeMapParams& p)
      : low(simd::splat(static_cast<float>(p.low - p.zero))),
        high(simd::splat(static_cast<float>(p.high - p.zero))),
        zero(simd::splat_integer(p.zero)) {}
  VI operator()(V value) const {
    return simd::round_to_integer(simd::min(high, simd::max(low, value))) + zero;
  }
};

}  // namespace

void quantize(const Memory& memory, const uint32_t* words, Range range, std::byte*) {
  const auto p = read_params<CodeMapParams>(words);
  const float* x = memory.at<float>(p.x);
  int8_t* out = memory.at<int8_t>(p.out);
  const Coder code(p);
  const simd::CodeLimits limits(p.low, p.high);
  const V scale = simd::splat(p.x_scale);
  for_each_step(p, range, [&](uint32_t i, int count) {
    V values[2];
    for (int v = 0; v < 2; ++v) {
      const int lanes = std::clamp(count - v * kWidth, 0, kWidth);
      values[v] =
          lanes == kWidth ? simd::load(x + i + v * kWidth) : simd::load_partial(x + i + v * kWidth, lanes);
    }
    simd::store_codes(out + i, {code(values[0] * scale), code(values[1] * scale)}, limits, count);
  });
}

void dequantize(const Memory& memory, const uint32_t* words, Range range, std::byte*) {
  const auto p = read_params<CodeMapParams>(words);
  const int8_t* x = memory.at<int8_t>(p.x);
  float* out = memory.at<float>(p.out);
  const VI zero = simd::splat_integer(p.x_zero);
  const V scale = simd::splat(p.x_scale);
  for_each_step(p, range, [&](uint32_t i, int count) {
    for (int v = 0; v < 2; ++v) {
      const V value = load_real(x + i + v * kWidth, zero, scale);
      const int lanes = std::clamp(count - v * kWidth, 0, kWidth);
      if (lanes == kWidth)
        simd::store(out + i + v * kWidth, value);
      else
        simd::store_partial(out + i + v * kWidth, value, lanes);
    }
  });
}

void quantized_add(const Memory& memory, const uint32_t* words, Range range, std::byte*) {
  const auto p = read_params<CodeMapParams>(words);
  const int8_t* a = memory.at<int8_t>(p.x);
  const int8_t* b = memory.at<int8_t>(p.other);
  int8_t* out = memory.at<int8_t>(p.out);
  const Coder code(p);
  const simd::CodeLimits limits(p.low, p.high);
  const VI a_zero = simd::splat_integer(p.x_zero), b_zero = simd::splat_integer(p.other_zero);
  const V a_scale = simd::splat(p.x_scale), b_scale = simd::splat(p.other_scale);
  for_each_step(p, range, [&](uint32_t i, int count) {
    VI codes[2];
    for (int v = 0; v < 2; ++v)
      codes[v] = code(load_real(a + i + v * kWidth, a_zero, a_scale) +
                      load_real(b + i + v * kWidth, b_zero, b_scale));
    simd::store_codes(out + i, codes, limits, count);
  });
}

void lookup(const Memory& memory, const uint32_t* words, Range range, std::byte*) {
  const auto p = read_params<CodeMapParams>(words);
  const uint8_t* x = memory.at<uint8_t>(p.x);
  const int8_t* table = memory.at<int8_t>(p.other);
  int8_t* out = memory.at<int8_t>(p.out);
  const uint32_t end = std::min(range.end * kCodeMapUnit, p.elements);
  for (uint32_t i = range.begin * kCodeMapUnit; i < end; ++i) out[i] = table[x[i] & kMaxCode];
}

}  // namespace linnet::cpu

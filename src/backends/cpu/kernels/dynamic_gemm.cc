// Products of rows that become codes here, each for the range of its own elements.
#include <algorithm>
#include <bit>

#include "backends/cpu/kernels/quantized_gemm.h"
#include "graph/quantization.h"

namespace linnet::cpu {

namespace {

using simd::kWidth;
using simd::V;
using simd::VI;

struct RowScale {
  float scale;
  int32_t zero_point;
};

// Of the elements seen so far.
struct Extremes {
  V low{}, high{};
  V zeros{};  // NaN where one is not finite
  void add(V x) {
    low = simd::min(low, x);
    high = simd::max(high, x);
    zeros = simd::multiply_add(x, V{}, zeros);
  }
};

RowScale write_row(const float* x, uint32_t depth, int8_t* codes) {
  Extremes extremes;
  uint32_t c = 0;
  for (; c + kWidth <= depth; c += kWidth) extremes.add(simd::load(x + c));
  if (c < depth) extremes.add(simd::load_partial(x + c, static_cast<int>(depth - c)));
  const RowQuantization row =
      row_quantization_of(__builtin_reduce_min(extremes.low), __builtin_reduce_max(extremes.high),
                          std::bit_cast<float>(__builtin_reduce_or((VI)extremes.zeros)));
  // Codes beyond the limits can only be those of a row that is not finite, or a hair away.
  const simd::CodeLimits limits(0, kMaxCode);
  const VI origin = simd::rounding_origin(row.zero_point);
  const auto code = [&](V value) { return simd::round_to_integer(value * row.inverse, origin); };
  constexpr uint32_t kStep = 2 * kWidth;
  for (c = 0; c + kStep <= depth; c += kStep)
    simd::store_codes(codes + c, {code(simd::load(x + c)), code(simd::load(x + c + kWidth))}, limits);
  if (c < depth) {
    const auto count = static_cast<int>(depth - c);
    const auto lanes = [&](int first) {
      return simd::load_partial(x + c + first, std::clamp(count - first, 0, kWidth));
    };
    simd::store_codes(codes + c, {code(lanes(0)), code(lanes(kWidth))}, limits, count);
  }
  return {row.scale, row.zero_point};
}

// Sums of products of codes at `out` become results.
void finish_row(const RowScale& row, const DynamicGemmParams& p, const Memory& memory, Range columns,
                float* out) {
  const int32_t* column_sums = memory.at<int32_t>(p.column_sums);
  const float* scale = memory.at<float>(p.scale);
  const float* bias = memory.at<float>(p.bias);
  const V low = simd::splat(p.low), high = simd::splat(p.high);
  const auto finished = [&](uint32_t c, V raw) {
    const VI sums = (VI)raw - simd::load_integers(column_sums + c) * row.zero_point;
    const V value = simd::to_float(sums) * (simd::load(scale + c) * row.scale) + simd::load(bias + c);
    return simd::min(simd::max(value, low), high);
  };
  uint32_t c = columns.begin;
  for (; c + kWidth <= columns.end; c += kWidth) simd::store(out + c, finished(c, simd::load(out + c)));
  const auto lanes = static_cast<int>(columns.end - c);
  if (lanes > 0) simd::store_partial(out + c, finished(c, simd::load_partial(out + c, lanes)), lanes);
}

}  // namespace

void dynamic_gemm(const Memory& memory, const uint32_t* words, Range range, std::byte* scratch) {
  const auto p = read_params<DynamicGemmParams>(words);
  const auto product = read_params<QuantizedGemmParams>(words);
  const DynamicScratch layout = dynamic_scratch(product);
  auto* codes = reinterpret_cast<int8_t*>(scratch);
  auto* scales = reinterpret_cast<RowScale*>(scratch + layout.rows);
  Memory inside = memory;
  inside.scratch = scratch;
  QuantizedBlock block(inside, product, scratch + layout.grid);
  for_each_block(product, range, [&](uint32_t first, uint32_t count, Range columns) {
    for (uint32_t r = 0; r < count; ++r)
      scales[r] = write_row(memory.at<float>(p.x) + static_cast<size_t>(first + r) * product.channels,
                            product.channels,
                            codes + static_cast<size_t>((first + r) % product.x_rows) * product.channels);
    block.run(first, count, columns);
    for (uint32_t r = 0; r < count; ++r)
      finish_row(scales[r], p, memory, columns,
                 memory.at<float>(product.out) + static_cast<size_t>(first + r) * product.out_channels);
  });
}

}  // namespace linnet::cpu

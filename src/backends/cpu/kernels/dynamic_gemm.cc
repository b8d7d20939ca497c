// Products of rows that become codes here, each for the range of its own elements.
#include <algorithm>
#include <bit>

#include "backends/cpu/kernels/codes.h"
#include "backends/cpu/kernels/quantized_gemm.h"

namespace linnet::cpu {

namespace {

using simd::kWidth;
using simd::V;
using simd::VI;

struct RowScale {
  float scale;
  int32_t zero_point;
};

RowScale write_row(const float* x, uint32_t depth, int8_t* codes) {
  V low{}, high{}, zeros{};  // of the last, only whether they are NaN counts
  for (uint32_t c = 0; c < depth; c += kWidth) {
    const V value = simd::load_lanes(x + c, static_cast<int>(std::min<uint32_t>(kWidth, depth - c)));
    low = simd::min(low, value);
    high = simd::max(high, value);
    zeros += value * 0;
  }
  const RowQuantization row = row_quantization_of(__builtin_reduce_min(low), __builtin_reduce_max(high),
                                                  std::bit_cast<float>(__builtin_reduce_or((VI)zeros)));
  write_codes(x, depth, row.inverse, CodeRange{.zero_point = row.zero_point}, codes);
  return {row.scale, row.zero_point};
}

// Sums of products of codes at `out` become results.
void finish_row(const RowScale& row, const DynamicGemmParams& p, const Memory& memory, Range columns,
                float* out) {
  const int32_t* column_sums = memory.at<int32_t>(p.column_sums);
  const float* scale = memory.at<float>(p.scale);
  const float* bias = memory.at<float>(p.bias);
  const V low = simd::splat(p.low), high = simd::splat(p.high);
  for (uint32_t c = columns.begin; c < columns.end; c += kWidth) {
    const int lanes = static_cast<int>(std::min<uint32_t>(kWidth, columns.end - c));
    const VI sums =
        (VI)simd::load_lanes(out + c, lanes) - simd::load_integers(column_sums + c) * row.zero_point;
    const V value = simd::to_float(sums) * (simd::load(scale + c) * row.scale) + simd::load(bias + c);
    simd::store_lanes(out + c, simd::min(simd::max(value, low), high), lanes);
  }
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

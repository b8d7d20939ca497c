#include <algorithm>
#include <cmath>

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"
#include "simd/simd.h"

namespace linnet::cpu {

namespace {

using simd::kWidth;
using simd::V;

// Calls visit(column, lanes) for each vector of a row.
template <class Visit>
void each_vector(uint32_t columns, Visit visit) {
  uint32_t c = 0;
  for (; c + kWidth <= columns; c += kWidth) visit(c, kWidth);
  if (c < columns) visit(c, static_cast<int>(columns - c));
}

}  // namespace

void layer_norm(const Memory& memory, const uint32_t* words, Range range, std::byte*) {
  const auto p = read_params<LayerNormParams>(words);
  const auto* gamma = memory.at<float>(p.gamma);
  const auto* beta = memory.at<float>(p.beta);
  const auto count = static_cast<float>(p.columns);
  for (uint32_t row = range.begin; row < range.end; ++row) {
    const float* in = memory.at<float>(p.x) + static_cast<size_t>(row) * p.columns;
    float* out = memory.at<float>(p.out) + static_cast<size_t>(row) * p.columns;
    float mean = 0;
    if (p.centre != 0) {
      V sums{};
      each_vector(p.columns, [&](uint32_t c, int lanes) { sums += simd::load_partial(in + c, lanes); });
      mean = simd::sum_lanes(sums) / count;
    }
    V squares{};
    each_vector(p.columns, [&](uint32_t c, int lanes) {
      V difference = simd::load_partial(in + c, lanes) - simd::splat(mean);
      for (int i = lanes; i < kWidth; ++i) difference[i] = 0;
      squares = simd::multiply_add(difference, difference, squares);
    });
    const V scale = simd::splat(1.0f / std::sqrt(simd::sum_lanes(squares) / count + p.epsilon));
    each_vector(p.columns, [&](uint32_t c, int lanes) {
      const V normed = (simd::load_partial(in + c, lanes) - simd::splat(mean)) * scale;
      const V y = simd::multiply_add(normed, simd::load_partial(gamma + c, lanes),
                                     simd::load_partial(beta + c, lanes));
      simd::store_partial(out + c, y, lanes);
    });
  }
}

}  // namespace linnet::cpu

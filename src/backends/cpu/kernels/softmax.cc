#include <algorithm>

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"
#include "simd/math.h"

namespace linnet::cpu {

void softmax(const Memory& memory, const uint32_t* words, Range range, std::byte*) {
  using simd::V;
  const auto p = read_params<SoftmaxParams>(words);
  for (uint32_t row = range.begin; row < range.end; ++row) {
    const float* in = memory.at<float>(p.x) + static_cast<size_t>(row) * p.columns;
    float* out = memory.at<float>(p.out) + static_cast<size_t>(row) * p.columns;
    float highest = in[0];
    for (uint32_t c = 1; c < p.columns; ++c) highest = in[c] > highest ? in[c] : highest;
    V sums{};
    for (uint32_t c = 0; c < p.columns; c += simd::kWidth) {
      const int lanes = static_cast<int>(std::min<uint32_t>(simd::kWidth, p.columns - c));
      const V e = simd::exp(simd::load_partial(in + c, lanes) - simd::splat(highest));
      simd::store_partial(out + c, e, lanes);
      for (int i = 0; i < lanes; ++i) sums[i] += e[i];
    }
    const float scale = 1.0f / simd::sum_lanes(sums);
    for (uint32_t c = 0; c < p.columns; ++c) out[c] *= scale;
  }
}

}  // namespace linnet::cpu

#include <cmath>

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"
#include "simd/math.h"

namespace linnet::cpu {

void softmax(const Memory& memory, const uint32_t* words, Range range, std::byte*) {
  using simd::kWidth;
  using simd::V;
  const auto p = read_params<SoftmaxParams>(words);
  for (uint32_t row = range.begin; row < range.end; ++row) {
    const float* in = memory.at<float>(p.x) + static_cast<size_t>(row) * p.columns;
    float* out = memory.at<float>(p.out) + static_cast<size_t>(row) * p.columns;
    const uint32_t whole = p.columns / kWidth * kWidth;
    const int rest = static_cast<int>(p.columns - whole);
    V highest_lanes = simd::splat(in[0]);
    for (uint32_t c = 0; c < whole; c += kWidth) highest_lanes = simd::max(highest_lanes, simd::load(in + c));
    for (uint32_t c = whole; c < p.columns; ++c) highest_lanes = simd::max(highest_lanes, simd::splat(in[c]));
    V highest = simd::splat(highest_lanes[0]);
    for (int i = 1; i < kWidth; ++i) highest = simd::max(highest, simd::splat(highest_lanes[i]));
    V sums{};
    for (uint32_t c = 0; c < whole; c += kWidth) {
      const V e = simd::exp(simd::load(in + c) - highest);
      simd::store(out + c, e);
      sums += e;
    }
    if (rest > 0) {
      // A lane that is not there adds 0.
      float last[kWidth];
      for (int i = 0; i < kWidth; ++i) last[i] = i < rest ? in[whole + static_cast<uint32_t>(i)] : -INFINITY;
      const V e = simd::exp(simd::load(last) - highest);
      simd::store_partial(out + whole, e, rest);
      sums += e;
    }
    const V scale = simd::splat(1.0f / simd::sum_lanes(sums));
    for (uint32_t c = 0; c < whole; c += kWidth) simd::store(out + c, simd::load(out + c) * scale);
    for (uint32_t c = whole; c < p.columns; ++c) out[c] *= scale[0];
  }
}

}  // namespace linnet::cpu

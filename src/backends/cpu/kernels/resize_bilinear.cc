#include <algorithm>

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"
#include "ops/resize.h"
#include "simd/simd.h"

namespace linnet::cpu {

void resize_bilinear(const Memory& memory, const uint32_t* words, Range range, std::byte*) {
  using simd::V;
  const auto p = read_params<ResizeParams>(words);
  const ResizeTap* taps_x = memory.at<ResizeTap>(p.taps_x);
  for (uint32_t unit = range.begin; unit < range.end; ++unit) {
    const ResizeTap v = memory.at<ResizeTap>(p.taps_y)[unit % p.out_h];
    const float* image =
        memory.at<float>(p.x) + static_cast<size_t>(unit / p.out_h) * p.in_h * p.in_w * p.channels;
    const size_t row = static_cast<size_t>(p.in_w) * p.channels;
    const float* top = image + static_cast<size_t>(v.low) * row;
    const float* bottom = image + static_cast<size_t>(v.high) * row;
    float* out = memory.at<float>(p.out) + static_cast<size_t>(unit) * p.out_w * p.channels;
    for (uint32_t ox = 0; ox < p.out_w; ++ox, out += p.channels) {
      const ResizeTap h = taps_x[ox];
      const size_t low = static_cast<size_t>(h.low) * p.channels,
                   high = static_cast<size_t>(h.high) * p.channels;
      for (uint32_t c = 0; c < p.channels; c += simd::kWidth) {
        const int lanes = static_cast<int>(std::min<uint32_t>(simd::kWidth, p.channels - c));
        const auto load = [lanes, c](const float* at) {
          return lanes == simd::kWidth ? simd::load(at + c) : simd::load_partial(at + c, lanes);
        };
        const auto mix = [](V a, V b, float fraction) {
          return simd::multiply_add(b - a, simd::splat(fraction), a);
        };
        const V above = mix(load(top + low), load(top + high), h.fraction);
        const V below = mix(load(bottom + low), load(bottom + high), h.fraction);
        simd::store_partial(out + c, mix(above, below, v.fraction), lanes);
      }
    }
  }
}

}  // namespace linnet::cpu

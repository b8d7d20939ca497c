#include <algorithm>
#include <limits>

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"
#include "simd/simd.h"

namespace linnet::cpu {

namespace {

using simd::kWidth;
using simd::V;

// The pixels of one window that lie inside the input.
struct Inside {
  uint32_t y_begin, y_end, x_begin, x_end;
};

Inside window_at(const PoolParams& p, uint32_t oy, uint32_t ox) {
  const auto clip = [](int32_t first, uint32_t kernel, uint32_t limit, uint32_t* begin, uint32_t* end) {
    *begin = static_cast<uint32_t>(std::max(first, 0));
    *end = std::min(static_cast<uint32_t>(first + static_cast<int32_t>(kernel)), limit);
  };
  Inside inside;
  clip(static_cast<int32_t>(oy * p.stride_y) - p.pad_top, p.kernel_y, p.in_h, &inside.y_begin, &inside.y_end);
  clip(static_cast<int32_t>(ox * p.stride_x) - p.pad_left, p.kernel_x, p.in_w, &inside.x_begin,
       &inside.x_end);
  return inside;
}

template <class Fold>
V fold_window(const PoolParams& p, const float* image, const Inside& inside, uint32_t c, int lanes, V start,
              Fold fold) {
  V value = start;
  for (uint32_t y = inside.y_begin; y < inside.y_end; ++y)
    for (uint32_t x = inside.x_begin; x < inside.x_end; ++x) {
      const float* at = image + (static_cast<size_t>(y) * p.in_w + x) * p.channels + c;
      value = fold(value, lanes == kWidth ? simd::load(at) : simd::load_partial(at, lanes));
    }
  return value;
}

V pool_vector(const PoolParams& p, const float* image, const Inside& inside, uint32_t c, int lanes) {
  if (p.is_max != 0)
    return fold_window(p, image, inside, c, lanes, simd::splat(-std::numeric_limits<float>::infinity()),
                       [](V a, V b) { return simd::max(a, b); });
  const uint32_t count = (inside.y_end - inside.y_begin) * (inside.x_end - inside.x_begin);
  const V sum = fold_window(p, image, inside, c, lanes, V{}, [](V a, V b) { return a + b; });
  return sum * simd::splat(1.0f / static_cast<float>(count));
}

}  // namespace

void pool(const Memory& memory, const uint32_t* words, Range range, std::byte*) {
  const auto p = read_params<PoolParams>(words);
  for (uint32_t unit = range.begin; unit < range.end; ++unit) {
    const float* image =
        memory.at<float>(p.x) + static_cast<size_t>(unit / p.out_h) * p.in_h * p.in_w * p.channels;
    float* out = memory.at<float>(p.out) + static_cast<size_t>(unit) * p.out_w * p.channels;
    for (uint32_t ox = 0; ox < p.out_w; ++ox, out += p.channels) {
      const Inside inside = window_at(p, unit % p.out_h, ox);
      for (uint32_t c = 0; c < p.channels; c += kWidth) {
        const int lanes = static_cast<int>(std::min<uint32_t>(kWidth, p.channels - c));
        const V value = pool_vector(p, image, inside, c, lanes);
        if (lanes == kWidth)
          simd::store(out + c, value);
        else
          simd::store_partial(out + c, value, lanes);
      }
    }
  }
}

}  // namespace linnet::cpu

// Pooling and resizing of codes. Vectors read past the end of a pixel, within kReadSlack.
#include <algorithm>

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"
#include "ops/resize.h"
#include "simd/dot.h"

namespace linnet::cpu {

namespace {

using simd::kWidth;
using simd::VI;

// Channels computed at a time.
constexpr uint32_t kBlock = 2 * kWidth;

// Means, maxima and mixtures of codes are codes.
simd::CodeLimits no_limits() {
  return {INT8_MIN, INT8_MAX};
}

// The pixels [begin, end) of an axis under a window at `first` that lie inside the input.
Range inside(int32_t first, uint32_t kernel, uint32_t limit) {
  return {static_cast<uint32_t>(std::max(first, 0)),
          std::min(static_cast<uint32_t>(first + static_cast<int32_t>(kernel)), limit)};
}

}  // namespace

void quantized_pool(const Memory& memory, const uint32_t* words, Range range, std::byte*) {
  const auto p = read_params<PoolParams>(words);
  const simd::CodeLimits limits = no_limits();
  const bool is_max = p.is_max != 0;
  for (uint32_t unit = range.begin; unit < range.end; ++unit) {
    const int8_t* image =
        memory.at<int8_t>(p.x) + static_cast<size_t>(unit / p.out_h) * p.in_h * p.in_w * p.channels;
    int8_t* out = memory.at<int8_t>(p.out) + static_cast<size_t>(unit) * p.out_w * p.channels;
    const Range rows =
        inside(static_cast<int32_t>(unit % p.out_h * p.stride_y) - p.pad_top, p.kernel_y, p.in_h);
    for (uint32_t ox = 0; ox < p.out_w; ++ox, out += p.channels) {
      const Range columns = inside(static_cast<int32_t>(ox * p.stride_x) - p.pad_left, p.kernel_x, p.in_w);
      const uint32_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
      const simd::V share = simd::splat(1.0f / static_cast<float>(count));
      for (uint32_t c = 0; c < p.channels; c += kBlock) {
        VI values[2] = {simd::splat_integer(is_max ? -128 : 0), simd::splat_integer(is_max ? -128 : 0)};
        for (uint32_t y = rows.begin; y < rows.end; ++y)
          for (uint32_t x = columns.begin; x < columns.end; ++x)
            for (int v = 0; v < 2; ++v) {
              const VI codes = simd::load_codes(image + (static_cast<size_t>(y) * p.in_w + x) * p.channels +
                                                c + v * kWidth);
              values[v] = is_max ? __builtin_elementwise_max(values[v], codes) : values[v] + codes;
            }
        if (!is_max)
          for (VI& value : values) value = simd::round_to_integer(simd::to_float(value) * share);
        simd::store_codes(out + c, values, limits, static_cast<int>(std::min(kBlock, p.channels - c)));
      }
    }
  }
}

void quantized_resize(const Memory& memory, const uint32_t* words, Range range, std::byte*) {
  const auto p = read_params<ResizeParams>(words);
  const simd::CodeLimits limits = no_limits();
  const ResizeTap* taps_x = memory.at<ResizeTap>(p.taps_x);
  for (uint32_t unit = range.begin; unit < range.end; ++unit) {
    const ResizeTap v = memory.at<ResizeTap>(p.taps_y)[unit % p.out_h];
    const size_t row = static_cast<size_t>(p.in_w) * p.channels;
    const int8_t* image = memory.at<int8_t>(p.x) + static_cast<size_t>(unit / p.out_h) * p.in_h * row;
    const int8_t* top = image + static_cast<size_t>(v.low) * row;
    const int8_t* bottom = image + static_cast<size_t>(v.high) * row;
    int8_t* out = memory.at<int8_t>(p.out) + static_cast<size_t>(unit) * p.out_w * p.channels;
    const int32_t fy = resize_weight(v);
    for (uint32_t ox = 0; ox < p.out_w; ++ox, out += p.channels) {
      const ResizeTap h = taps_x[ox];
      const size_t low = static_cast<size_t>(h.low) * p.channels,
                   high = static_cast<size_t>(h.high) * p.channels;
      const int32_t fx = resize_weight(h);
      for (uint32_t c = 0; c < p.channels; c += kBlock) {
        const auto across = [&](const int8_t* line, int half) {
          const int8_t* at = line + c + half * kWidth;
          return simd::load_codes(at + low) * simd::splat_integer(kResizeOne - fx) +
                 simd::load_codes(at + high) * simd::splat_integer(fx);
        };
        VI values[2];
        for (int half = 0; half < 2; ++half)
          values[half] = (across(top, half) * simd::splat_integer(kResizeOne - fy) +
                          across(bottom, half) * simd::splat_integer(fy) +
                          simd::splat_integer(kResizeOne * kResizeOne / 2)) /
                         simd::splat_integer(kResizeOne * kResizeOne);
        simd::store_codes(out + c, values, limits, static_cast<int>(std::min(kBlock, p.channels - c)));
      }
    }
  }
}

}  // namespace linnet::cpu

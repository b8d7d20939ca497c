// Depthwise convolution of channel multiplier 1: one output row at a time, channels across the vector.
#include <algorithm>

#include "backends/cpu/kernels/program.h"
#include "simd/simd.h"

namespace linnet::cpu {

namespace {

using simd::V;
using simd::kWidth;

struct Row {
  const DepthwiseParams& p;
  const float* x;  // of this image
  const float* weights;
  const float* bias;
  float* out;  // of this row
  uint32_t padded;  // channels of a row of weights
  int32_t y;        // input row of tap 0
  V low, high;

  const float* pixel(int32_t iy, int32_t ix) const {
    return x + (static_cast<size_t>(iy) * p.in_w + static_cast<size_t>(ix)) * p.channels;
  }
};

V clamp(V value, const Row& row) {
  return simd::min(simd::max(value, row.low), row.high);
}

// One output pixel with any kernel, and pixels outside the input left out.
void any_pixel(const Row& row, uint32_t ox) {
  const DepthwiseParams& p = row.p;
  const int32_t left = static_cast<int32_t>(ox * p.stride_x) - p.pad_left;
  for (uint32_t c = 0; c < p.channels; c += kWidth) {
    const int lanes = static_cast<int>(std::min<uint32_t>(kWidth, p.channels - c));
    V sum = simd::load(row.bias + c);
    for (uint32_t ky = 0; ky < p.kernel_y; ++ky) {
      const int32_t iy = row.y + static_cast<int32_t>(ky * p.dilation_y);
      if (static_cast<uint32_t>(iy) >= p.in_h) continue;
      for (uint32_t kx = 0; kx < p.kernel_x; ++kx) {
        const int32_t ix = left + static_cast<int32_t>(kx * p.dilation_x);
        if (static_cast<uint32_t>(ix) >= p.in_w) continue;
        const V w = simd::load(row.weights + static_cast<size_t>(ky * p.kernel_x + kx) * row.padded + c);
        const float* at = row.pixel(iy, ix) + c;
        sum = simd::multiply_add(lanes == kWidth ? simd::load(at) : simd::load_partial(at, lanes), w, sum);
      }
    }
    float* out = row.out + static_cast<size_t>(ox) * p.channels + c;
    if (lanes == kWidth)
      simd::store(out, clamp(sum, row));
    else
      simd::store_partial(out, clamp(sum, row), lanes);
  }
}

// kTile neighbouring outputs whose windows lie inside the input, for channels [0, whole vectors).
template <int kKernel, int kStride>
void inner_tile(const Row& row, uint32_t ox) {
  constexpr int kTile = 4;
  constexpr int kColumns = (kTile - 1) * kStride + kKernel;
  const DepthwiseParams& p = row.p;
  const int32_t left = static_cast<int32_t>(ox * p.stride_x) - p.pad_left;
  for (uint32_t c = 0; c + kWidth <= p.channels; c += kWidth) {
    const V bias = simd::load(row.bias + c);
    V sums[kTile];
    for (V& sum : sums) sum = bias;
    for (int ky = 0; ky < kKernel; ++ky) {
      const int32_t iy = row.y + ky;
      if (static_cast<uint32_t>(iy) >= p.in_h) continue;
      const float* at = row.pixel(iy, left) + c;
      V w[kKernel];
#pragma clang loop unroll(full)
      for (int kx = 0; kx < kKernel; ++kx)
        w[kx] = simd::load(row.weights + static_cast<size_t>(ky * kKernel + kx) * row.padded + c);
#pragma clang loop unroll(full)
      for (int column = 0; column < kColumns; ++column) {
        const V value = simd::load(at + static_cast<size_t>(column) * p.channels);
#pragma clang loop unroll(full)
        for (int t = 0; t < kTile; ++t) {
          const int kx = column - t * kStride;
          if (kx >= 0 && kx < kKernel) sums[t] = simd::multiply_add(value, w[kx], sums[t]);
        }
      }
    }
    for (int t = 0; t < kTile; ++t)
      simd::store(row.out + (static_cast<size_t>(ox) + static_cast<size_t>(t)) * p.channels + c, clamp(sums[t], row));
  }
}

using InnerTile = void (*)(const Row&, uint32_t);

// The unrolled kernel for this shape, or nullptr: channels that do not fill vectors take the general way.
InnerTile inner_tile_for(const DepthwiseParams& p) {
  const bool plain = p.dilation_x == 1 && p.dilation_y == 1 && p.kernel_x == p.kernel_y && p.channels % kWidth == 0;
  if (!plain || p.stride_x > 2) return nullptr;
  if (p.kernel_x == 3) return p.stride_x == 1 ? inner_tile<3, 1> : inner_tile<3, 2>;
  if (p.kernel_x == 5) return p.stride_x == 1 ? inner_tile<5, 1> : inner_tile<5, 2>;
  return nullptr;
}

void run_row(const Row& row, InnerTile tile) {
  constexpr uint32_t kTile = 4;
  const DepthwiseParams& p = row.p;
  uint32_t ox = 0;
  while (ox < p.out_w) {
    const int32_t left = static_cast<int32_t>(ox * p.stride_x) - p.pad_left;
    const int32_t right = static_cast<int32_t>((ox + kTile - 1) * p.stride_x + p.kernel_x) - p.pad_left;
    if (tile != nullptr && left >= 0 && ox + kTile <= p.out_w && right <= static_cast<int32_t>(p.in_w)) {
      tile(row, ox);
      ox += kTile;
    } else {
      any_pixel(row, ox++);
    }
  }
}

}  // namespace

void depthwise(const Memory& memory, const uint32_t* words, Range range, std::byte* scratch) {
  const auto p = read_params<DepthwiseParams>(words);
  const InnerTile tile = inner_tile_for(p);
  const size_t row_elements = static_cast<size_t>(p.out_w) * p.channels;
  float* raw = reinterpret_cast<float*>(scratch);
  std::byte* registers = scratch + align_up(row_elements * sizeof(float), kTensorAlignment);
  for (uint32_t unit = range.begin; unit < range.end; ++unit) {
    const uint32_t n = unit / p.out_h, oy = unit % p.out_h;
    Row row{p,
            memory.at<float>(p.x) + static_cast<size_t>(n) * p.in_h * p.in_w * p.channels,
            memory.at<float>(p.weights),
            memory.at<float>(p.bias),
            p.has_epilogue != 0 ? raw : memory.at<float>(p.out) + unit * row_elements,
            static_cast<uint32_t>(align_up(p.channels, kWidth)),
            static_cast<int32_t>(oy * p.stride_y) - p.pad_top,
            simd::splat(p.low),
            simd::splat(p.high)};
    run_row(row, tile);
    if (p.has_epilogue != 0)
      run_program(memory, words, {unit * p.out_w, (unit + 1) * p.out_w}, memory.at<float>(p.out), raw, unit * p.out_w,
                  registers);
  }
}

}  // namespace linnet::cpu

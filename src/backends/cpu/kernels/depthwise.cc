// Depthwise convolution of channel multiplier 1: one output row at a time, channels across the vector.
#include <algorithm>

#include "backends/cpu/kernels/program.h"
#include "simd/simd.h"

namespace linnet::cpu {

namespace {

using simd::kWidth;
using simd::V;

// The largest kernel that is unrolled.
constexpr uint32_t kMostUnrolled = 5;

struct Row {
  const DepthwiseParams& p;
  const float* x;
  const float* weights;
  const float* bias;
  const float* zeros;
  float* out;           // of this row
  uint32_t padded;      // channels of a row of weights
  uint32_t image_rows;  // rows of the images before this one
  int32_t y;            // input row of tap 0
  V low, high;
  const float* lines[kMostUnrolled];  // rows y, y + 1, ... for unrolled kernels; null outside the input

  // Input row `iy` of this image; null outside.
  const float* line(int32_t iy) const {
    if (static_cast<uint32_t>(iy) >= p.in_h) return nullptr;
    return x + size_t{(image_rows + static_cast<uint32_t>(iy)) % p.x_rows} * p.in_w * p.channels;
  }
  size_t column(int32_t ix) const { return static_cast<size_t>(ix) * p.channels; }
};

V clamp(V value, const Row& row) {
  return simd::min(simd::max(value, row.low), row.high);
}

V load_lanes(const float* at, int lanes) {
  return lanes == kWidth ? simd::load(at) : simd::load_partial(at, lanes);
}

void store_lanes(float* at, V value, int lanes) {
  if (lanes == kWidth)
    simd::store(at, value);
  else
    simd::store_partial(at, value, lanes);
}

// One output pixel with any kernel, and pixels outside the input left out.
void any_pixel(const Row& row, uint32_t ox) {
  const DepthwiseParams& p = row.p;
  const int32_t left = static_cast<int32_t>(ox * p.stride_x) - p.pad_left;
  for (uint32_t c = 0; c < p.channels; c += kWidth) {
    const int lanes = static_cast<int>(std::min<uint32_t>(kWidth, p.channels - c));
    V sum = simd::load(row.bias + c);
    for (uint32_t ky = 0; ky < p.kernel_y; ++ky) {
      const float* line = row.line(row.y + static_cast<int32_t>(ky * p.dilation_y));
      if (line == nullptr) continue;
      for (uint32_t kx = 0; kx < p.kernel_x; ++kx) {
        const int32_t ix = left + static_cast<int32_t>(kx * p.dilation_x);
        if (static_cast<uint32_t>(ix) >= p.in_w) continue;
        const V w = simd::load(row.weights + static_cast<size_t>(ky * p.kernel_x + kx) * row.padded + c);
        sum = simd::multiply_add(load_lanes(line + row.column(ix) + c, lanes), w, sum);
      }
    }
    store_lanes(row.out + static_cast<size_t>(ox) * p.channels + c, clamp(sum, row), lanes);
  }
}

// Neighbouring outputs that share their loads.
constexpr int kTile = 4;

// The sums of one vector of channels, from the rows of a window: `at(ky, column)` is the input there.
// Unrolled whole, so that a value is loaded once for all outputs that need it.
template <int kKernel, int kStride, class At>
void window_sums(const float* weights, size_t padded, V bias, V (&sums)[kTile], At at) {
  constexpr int kColumns = (kTile - 1) * kStride + kKernel;
  for (V& sum : sums) sum = bias;
#pragma clang loop unroll(full)
  for (int ky = 0; ky < kKernel; ++ky) {
    V w[kKernel];
#pragma clang loop unroll(full)
    for (int kx = 0; kx < kKernel; ++kx)
      w[kx] = simd::load(weights + static_cast<size_t>(ky * kKernel + kx) * padded);
#pragma clang loop unroll(full)
    for (int column = 0; column < kColumns; ++column) {
      const V value = at(ky, column);
#pragma clang loop unroll(full)
      for (int t = 0; t < kTile; ++t) {
        const int kx = column - t * kStride;
        if (kx >= 0 && kx < kKernel) sums[t] = simd::multiply_add(value, w[kx], sums[t]);
      }
    }
  }
}

// kTile outputs from `ox` whose windows lie inside the input from left to right. A row of the window above or
// below it reads zeros, all columns the same ones.
template <int kKernel, int kStride>
void inner_tile(const Row& row, uint32_t ox) {
  const DepthwiseParams& p = row.p;
  const int32_t left = static_cast<int32_t>(ox * p.stride_x) - p.pad_left;
  const float* lines[kKernel];
  size_t steps[kKernel];
  for (int ky = 0; ky < kKernel; ++ky) {
    const bool inside = row.lines[ky] != nullptr;
    lines[ky] = inside ? row.lines[ky] + row.column(left) : row.zeros;
    steps[ky] = inside ? p.channels : 0;
  }
  float* out = row.out + static_cast<size_t>(ox) * p.channels;
  const size_t padded = row.padded, channels = p.channels;
  for (uint32_t c = 0; c < p.channels; c += kWidth) {
    V sums[kTile];
    window_sums<kKernel, kStride>(
        row.weights + c, padded, simd::load(row.bias + c), sums, [&](int ky, int column) {
          return simd::load(lines[ky] + c + static_cast<size_t>(column) * steps[ky]);
        });
#pragma clang loop unroll(full)
    for (int t = 0; t < kTile; ++t)
      simd::store(out + c + static_cast<size_t>(t) * channels, clamp(sums[t], row));
  }
}

// Up to kTile outputs from `ox` at the edges, where columns outside the input read zeros.
template <int kKernel, int kStride>
void edge_tile(const Row& row, uint32_t ox) {
  constexpr int kColumns = (kTile - 1) * kStride + kKernel;
  const DepthwiseParams& p = row.p;
  const int32_t left = static_cast<int32_t>(ox * p.stride_x) - p.pad_left;
  const float* pixels[kKernel * kColumns];
  for (int ky = 0; ky < kKernel; ++ky)
    for (int column = 0; column < kColumns; ++column) {
      const bool inside = row.lines[ky] != nullptr && static_cast<uint32_t>(left + column) < p.in_w;
      pixels[ky * kColumns + column] = inside ? row.lines[ky] + row.column(left + column) : row.zeros;
    }
  const uint32_t count = std::min<uint32_t>(kTile, p.out_w - ox);
  float* out = row.out + static_cast<size_t>(ox) * p.channels;
  for (uint32_t c = 0; c < p.channels; c += kWidth) {
    V sums[kTile];
    window_sums<kKernel, kStride>(
        row.weights + c, row.padded, simd::load(row.bias + c), sums,
        [&](int ky, int column) { return simd::load(pixels[ky * kColumns + column] + c); });
    for (uint32_t t = 0; t < count; ++t)
      simd::store(out + c + static_cast<size_t>(t) * p.channels, clamp(sums[t], row));
  }
}

struct Tiles {
  void (*inner)(const Row&, uint32_t) = nullptr;
  void (*edge)(const Row&, uint32_t) = nullptr;
};

template <int kKernel, int kStride>
constexpr Tiles kTiles{inner_tile<kKernel, kStride>, edge_tile<kKernel, kStride>};

// The unrolled kernels for this shape; none where channels do not fill vectors, or the window is unusual.
Tiles tiles_for(const DepthwiseParams& p) {
  const bool plain =
      p.dilation_x == 1 && p.dilation_y == 1 && p.kernel_x == p.kernel_y && p.channels % kWidth == 0;
  if (!plain || p.stride_x > 2) return {};
  if (p.kernel_x == 3) return p.stride_x == 1 ? kTiles<3, 1> : kTiles<3, 2>;
  if (p.kernel_x == 5) return p.stride_x == 1 ? kTiles<5, 1> : kTiles<5, 2>;
  return {};
}

void run_row(Row& row, const Tiles& tiles) {
  const DepthwiseParams& p = row.p;
  if (tiles.inner == nullptr) {
    for (uint32_t ox = 0; ox < p.out_w; ++ox) any_pixel(row, ox);
    return;
  }
  for (uint32_t ky = 0; ky < p.kernel_y; ++ky) row.lines[ky] = row.line(row.y + static_cast<int32_t>(ky));
  for (uint32_t ox = 0; ox < p.out_w; ox += kTile) {
    const int32_t left = static_cast<int32_t>(ox * p.stride_x) - p.pad_left;
    const int32_t right = static_cast<int32_t>((ox + kTile - 1) * p.stride_x + p.kernel_x) - p.pad_left;
    const bool inside = left >= 0 && ox + kTile <= p.out_w && right <= static_cast<int32_t>(p.in_w);
    (inside ? tiles.inner : tiles.edge)(row, ox);
  }
}

}  // namespace

void depthwise(const Memory& memory, const uint32_t* words, Range range, std::byte* scratch) {
  const auto p = read_params<DepthwiseParams>(words);
  const Tiles tiles = tiles_for(p);
  const size_t row_elements = static_cast<size_t>(p.out_w) * p.channels;
  float* raw = reinterpret_cast<float*>(scratch);
  std::byte* registers = scratch + align_up(row_elements * sizeof(float), kTensorAlignment);
  for (uint32_t unit = range.begin; unit < range.end; ++unit) {
    const uint32_t n = unit / p.out_h, oy = unit % p.out_h;
    float* out = memory.at<float>(p.out) + unit % p.out_rows * row_elements;
    Row row{p,
            memory.at<float>(p.x),
            memory.at<float>(p.weights),
            memory.at<float>(p.bias),
            memory.at<float>(p.zeros),
            p.has_epilogue != 0 ? raw : out,
            static_cast<uint32_t>(align_up(p.channels, kWidth)),
            n * p.in_h,
            static_cast<int32_t>(oy * p.stride_y) - p.pad_top,
            simd::splat(p.low),
            simd::splat(p.high),
            {}};
    run_row(row, tiles);
    if (p.has_epilogue != 0)
      run_program(memory, words, {unit * p.out_w, (unit + 1) * p.out_w}, out, raw, registers);
  }
}

}  // namespace linnet::cpu

// Depthwise convolution of channel multiplier 1: one output row at a time, channels across the vector.
#include <algorithm>
#include <utility>

#include "backends/cpu/kernels/program.h"
#include "backends/cpu/kernels/rolling.h"
#include "simd/simd.h"

namespace linnet::cpu {

namespace {

using simd::kWidth;
using simd::V;

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

// Any kernel, one output pixel after another, and pixels outside the input left out.
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
        const float* at = line + row.column(ix) + c;
        sum = simd::multiply_add(lanes == kWidth ? simd::load(at) : simd::load_partial(at, lanes), w, sum);
      }
    }
    simd::store_lanes(row.out + static_cast<size_t>(ox) * p.channels + c, clamp(sum, row), lanes);
  }
}

void any_row(const Row& row) {
  for (uint32_t ox = 0; ox < row.p.out_w; ++ox) any_pixel(row, ox);
}

// kWidth channels from `c`. A column is loaded once and goes into the sums of all outputs that read it, which
// stay in registers, as do the weights of a 3x3 window.
template <int kKernel, int kStride>
void roll(const Row& row, const RollingInputs<float, kKernel, kStride>& inputs, uint32_t c) {
  // Outputs that a column belongs to.
  constexpr int kSums = (kKernel + kStride - 1) / kStride;
  V w[kKernel * kKernel];
  for (int i = 0; i < kKernel * kKernel; ++i)
    w[i] = simd::load(row.weights + static_cast<size_t>(i) * row.padded + c);
  const V bias = simd::load(row.bias + c);
  V sums[kSums];
  for (V& sum : sums) sum = bias;
  // Row ky of column `i` of the first output.
  const auto add = [&](int i, int ky, const float* at) {
    const V value = simd::load(at);
#pragma clang loop unroll(full)
    for (int t = 0; t < kSums; ++t)
      if (const int kx = i - kStride * t; kx >= 0)
        sums[t] = simd::multiply_add(value, w[ky * kKernel + kx], sums[t]);
  };
#pragma clang loop unroll(full)
  for (int i = 0; i < inputs.kFirst; ++i)
#pragma clang loop unroll(full)
    for (int ky = 0; ky < kKernel; ++ky) add(i, ky, inputs.first[i][ky] + c);
  float* out = inputs.out + c;
  for (const Run<float, kKernel, kStride>*run = inputs.runs, *end = run + inputs.count; run < end; ++run) {
    const float* at[kStride][kKernel];
    size_t steps[kKernel];
    for (int ky = 0; ky < kKernel; ++ky) {
      for (int f = 0; f < kStride; ++f) at[f][ky] = run->at[f][ky] + c;
      steps[ky] = run->steps[ky];
    }
    for (int32_t left = run->count; left > 0; --left, out += inputs.out_step) {
#pragma clang loop unroll(full)
      for (int f = 0; f < kStride; ++f)
#pragma clang loop unroll(full)
        for (int ky = 0; ky < kKernel; ++ky) {
          add(inputs.kFirst + f, ky, at[f][ky]);
          at[f][ky] += steps[ky];
        }
      simd::store(out, clamp(sums[0], row));
      // A loop would become a move in memory.
      [&]<int... t>(std::integer_sequence<int, t...>) {
        ((sums[t] = sums[t + 1]), ...);
      }
      (std::make_integer_sequence<int, kSums - 1>());
      sums[kSums - 1] = bias;
    }
  }
}

template <int kKernel, int kStride>
void rolling_row(const Row& row) {
  const DepthwiseParams& p = row.p;
  const float* lines[kKernel];
  for (int ky = 0; ky < kKernel; ++ky) lines[ky] = row.line(row.y + ky * static_cast<int32_t>(p.dilation_y));
  for_each_segment<kKernel, kStride>(p, lines, row.zeros, row.out, [&](const auto& inputs) {
    // The last channels overlap those before where they do not fill a vector.
    for (uint32_t c = 0; c < p.channels; c += kWidth) roll(row, inputs, std::min(c, p.channels - kWidth));
  });
}

auto row_kernel(const DepthwiseParams& p) {
  const bool plain =
      p.kernel_x == p.kernel_y && p.channels >= kWidth && (p.stride_x == 1 || p.dilation_x == 1);
  if (plain && p.kernel_x == 3 && p.stride_x == 1) return rolling_row<3, 1>;
  if (plain && p.kernel_x == 3 && p.stride_x == 2) return rolling_row<3, 2>;
  if (plain && p.kernel_x == 5 && p.stride_x == 1) return rolling_row<5, 1>;
  if (plain && p.kernel_x == 5 && p.stride_x == 2) return rolling_row<5, 2>;
  return any_row;
}

}  // namespace

void depthwise(const Memory& memory, const uint32_t* words, Range range, std::byte* scratch) {
  const auto p = read_params<DepthwiseParams>(words);
  const auto run_row = row_kernel(p);
  const size_t row_elements = static_cast<size_t>(p.out_w) * p.channels;
  float* raw = reinterpret_cast<float*>(scratch);
  std::byte* registers = scratch + align_up(row_elements * sizeof(float), kTensorAlignment);
  for (uint32_t unit = range.begin; unit < range.end; ++unit) {
    const uint32_t n = unit / p.out_h, oy = unit % p.out_h;
    float* out = memory.at<float>(p.out) + unit % p.out_rows * row_elements;
    const Row row{p,
                  memory.at<float>(p.x),
                  memory.at<float>(p.weights),
                  memory.at<float>(p.bias),
                  memory.at<float>(p.zeros),
                  p.has_epilogue != 0 ? raw : out,
                  static_cast<uint32_t>(align_up(p.channels, kWidth)),
                  n * p.in_h,
                  static_cast<int32_t>(oy * p.stride_y) - p.pad_top,
                  simd::splat(p.low),
                  simd::splat(p.high)};
    run_row(row);
    if (p.has_epilogue != 0)
      run_program(memory, words, {unit * p.out_w, (unit + 1) * p.out_w}, out, raw, registers);
  }
}

}  // namespace linnet::cpu

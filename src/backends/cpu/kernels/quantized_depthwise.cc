// Depthwise convolution over codes: channels across the vector, the codes of a few taps side by side in each
// lane.
#include <algorithm>
#include <utility>

#include "backends/cpu/kernels/requantise.h"
#include "backends/cpu/kernels/rolling.h"

namespace linnet::cpu {

namespace {

using simd::DotOperand;
using simd::kDotDepth;
using simd::kWidth;
using simd::VI;

// Channels computed at a time.
constexpr uint32_t kBlock = 2 * kWidth;
// Weights that meet one group of taps of a block.
constexpr size_t kGroupBytes = size_t{kBlock} * kDotDepth;

struct Row {
  const QuantizedDepthwiseParams& p;
  const Requantiser& requantiser;
  const int8_t* image;
  const int8_t* padding;
  const int8_t* weights;
  const int32_t* bias;
  int8_t* out;  // of this row
  int32_t y;    // input row of tap 0

  // Where tap (ky, kx) reads, of the window that begins at column `left`.
  const int8_t* tap(uint32_t ky, uint32_t kx, int32_t left) const {
    const auto iy = static_cast<uint32_t>(y + static_cast<int32_t>(ky * p.dilation_y));
    const auto ix = static_cast<uint32_t>(left + static_cast<int32_t>(kx * p.dilation_x));
    if (ky >= p.kernel_y || kx >= p.kernel_x || iy >= p.in_h || ix >= p.in_w) return padding;
    return image + (static_cast<size_t>(iy) * p.in_w + ix) * p.channels;
  }
  int32_t left(uint32_t ox) const { return static_cast<int32_t>(ox * p.stride_x) - p.pad_left; }
};

void load_bias(const Row& row, uint32_t c, VI (&sums)[2]) {
  for (int v = 0; v < 2; ++v) sums[v] = simd::load_integers(row.bias + c + v * kWidth);
}

// Any window, one output pixel after another, for channels from `first`. `taps` has room for a pointer for
// each weight of a channel.
void any_pixels(const Row& row, const int8_t** taps, uint32_t first) {
  const QuantizedDepthwiseParams& p = row.p;
  const uint32_t groups = depthwise_groups(p, kDotDepth);
  for (uint32_t ox = 0; ox < p.out_w; ++ox) {
    for (uint32_t t = 0; t < groups * kDotDepth; ++t)
      taps[t] = row.tap(t % p.column_taps, t / p.column_taps, row.left(ox));
    const int8_t* weights = row.weights + size_t{first} * groups * kDotDepth;
    for (uint32_t c = first; c < p.channels; c += kBlock) {
      VI sums[2];
      load_bias(row, c, sums);
      for (uint32_t g = 0; g < groups; ++g, weights += kGroupBytes) {
        DotOperand codes[2];
        simd::interleave_codes(taps + static_cast<size_t>(g) * kDotDepth, c, codes);
        for (int v = 0; v < 2; ++v)
          sums[v] = simd::dot_add(codes[v], simd::load_weights(weights + v * kWidth * kDotDepth), sums[v]);
      }
      int32_t results[kBlock];
      for (int v = 0; v < 2; ++v) simd::store_integers(results + v * kWidth, sums[v]);
      row.requantiser.store(row.out + static_cast<size_t>(ox) * p.channels + c, results, c, p.channels - c);
    }
  }
}

// Groups of taps of a column.
template <int kKernel>
constexpr int kColumnGroups = column_taps(kKernel) / kDotDepth;

// One column of a window, ready for dot products.
template <int kKernel>
struct Column {
  DotOperand groups[kColumnGroups<kKernel>][2];
};

// kBlock channels from `c`: as a depthwise convolution of numbers rolls along a row, column by column.
template <int kKernel, int kStride>
void roll(const Row& row, const RollingInputs<int8_t, kKernel, kStride>& inputs, uint32_t c) {
  constexpr int kSums = (kKernel + kStride - 1) / kStride, kGroups = kColumnGroups<kKernel>;
  Column<kKernel> weights[kKernel];
  const int8_t* from = row.weights + size_t{c} * kKernel * kGroups * kDotDepth;
  for (auto& column : weights)
    for (auto& group : column.groups)
      for (DotOperand& w : group) {
        w = simd::load_weights(from);
        from += kWidth * kDotDepth;
      }
  VI sums[kSums][2];
  for (auto& sum : sums) load_bias(row, c, sum);
  // Column `i` of the first output.
  const auto add = [&](int i, const int8_t* const(&at)[kKernel], uint32_t offset) {
    const int8_t* taps[kGroups * kDotDepth];
    for (int tap = 0; tap < kGroups * kDotDepth; ++tap) taps[tap] = at[std::min(tap, kKernel - 1)] + offset;
#pragma clang loop unroll(full)
    for (int g = 0; g < kGroups; ++g) {
      DotOperand codes[2];
      simd::interleave_codes(taps + g * kDotDepth, 0, codes);
#pragma clang loop unroll(full)
      for (int t = 0; t < kSums; ++t)
        if (const int kx = i - kStride * t; kx >= 0)
          for (int v = 0; v < 2; ++v)
            sums[t][v] = simd::dot_add(codes[v], weights[kx].groups[g][v], sums[t][v]);
    }
  };
#pragma clang loop unroll(full)
  for (int i = 0; i < inputs.kFirst; ++i) add(i, inputs.first[i], c);
  int8_t* out = inputs.out + c;
  for (const Run<int8_t, kKernel, kStride>*run = inputs.runs, *end = run + inputs.count; run < end; ++run) {
    const int8_t* at[kStride][kKernel];
    size_t steps[kKernel];
    for (int ky = 0; ky < kKernel; ++ky) {
      for (int f = 0; f < kStride; ++f) at[f][ky] = run->at[f][ky] + c;
      steps[ky] = run->steps[ky];
    }
    for (int32_t left = run->count; left > 0; --left, out += inputs.out_step) {
#pragma clang loop unroll(full)
      for (int f = 0; f < kStride; ++f) {
        add(inputs.kFirst + f, at[f], 0);
#pragma clang loop unroll(full)
        for (int ky = 0; ky < kKernel; ++ky) at[f][ky] += steps[ky];
      }
      row.requantiser.store_codes(out, sums[0], c);
      [&]<int... t>(std::integer_sequence<int, t...>) {
        ((sums[t][0] = sums[t + 1][0], sums[t][1] = sums[t + 1][1]), ...);
      }
      (std::make_integer_sequence<int, kSums - 1>());
      load_bias(row, c, sums[kSums - 1]);
    }
  }
}

template <int kKernel, int kStride>
void rolling_row(const Row& row, const int8_t** taps) {
  const QuantizedDepthwiseParams& p = row.p;
  const int8_t* lines[kKernel];
  for (int ky = 0; ky < kKernel; ++ky) {
    const auto iy = static_cast<uint32_t>(row.y + ky * static_cast<int32_t>(p.dilation_y));
    lines[ky] = iy < p.in_h ? row.image + static_cast<size_t>(iy) * p.in_w * p.channels : nullptr;
  }
  for_each_segment<kKernel, kStride>(p, lines, row.padding, row.out, [&](const auto& inputs) {
    for (uint32_t c = 0; c + kBlock <= p.channels; c += kBlock) roll(row, inputs, c);
  });
  if (p.channels % kBlock != 0) any_pixels(row, taps, p.channels / kBlock * kBlock);
}

void any_row(const Row& row, const int8_t** taps) {
  any_pixels(row, taps, 0);
}

auto row_kernel(const QuantizedDepthwiseParams& p) {
  const bool plain =
      p.kernel_x == p.kernel_y && (p.stride_x == 1 || p.dilation_x == 1) && p.requantisation.is_f32 == 0;
  if (plain && p.kernel_x == 3 && p.stride_x == 1) return rolling_row<3, 1>;
  if (plain && p.kernel_x == 3 && p.stride_x == 2) return rolling_row<3, 2>;
  if (plain && p.kernel_x == 5 && p.stride_x == 1) return rolling_row<5, 1>;
  if (plain && p.kernel_x == 5 && p.stride_x == 2) return rolling_row<5, 2>;
  return any_row;
}

}  // namespace

void quantized_depthwise(const Memory& memory, const uint32_t* words, Range range, std::byte* scratch) {
  const auto p = read_params<QuantizedDepthwiseParams>(words);
  const Requantiser requantiser(memory, p.requantisation, p.out);
  const auto run_row = row_kernel(p);
  for (uint32_t unit = range.begin; unit < range.end; ++unit) {
    const uint32_t n = unit / p.out_h, oy = unit % p.out_h;
    const Row row{p,
                  requantiser,
                  memory.at<int8_t>(p.x) + static_cast<size_t>(n) * p.in_h * p.in_w * p.channels,
                  memory.at<int8_t>(p.padding),
                  memory.at<int8_t>(p.weights),
                  memory.at<int32_t>(p.bias),
                  memory.at<int8_t>(p.out) + static_cast<size_t>(unit) * p.out_w * p.channels,
                  static_cast<int32_t>(oy * p.stride_y) - p.pad_top};
    run_row(row, reinterpret_cast<const int8_t**>(scratch));
  }
}

}  // namespace linnet::cpu

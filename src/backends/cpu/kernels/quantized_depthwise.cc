// Depthwise convolution over codes: channels across the vector, the codes of a few taps side by side in each
// lane.
#include <algorithm>

#include "backends/cpu/kernels/requantise.h"

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

// Any window, one output pixel after another. `taps` has room for a pointer for each weight of a channel.
void any_row(const Row& row, const int8_t** taps) {
  const QuantizedDepthwiseParams& p = row.p;
  const uint32_t groups = depthwise_groups(p, kDotDepth);
  for (uint32_t ox = 0; ox < p.out_w; ++ox) {
    for (uint32_t t = 0; t < groups * kDotDepth; ++t)
      taps[t] = row.tap(t % p.column_taps, t / p.column_taps, row.left(ox));
    const int8_t* weights = row.weights;
    for (uint32_t c = 0; c < p.channels; c += kBlock) {
      VI sums[2];
      load_bias(row, c, sums);
      for (uint32_t g = 0; g < groups; ++g, weights += kGroupBytes) {
        DotOperand codes[2];
        simd::interleave_codes(taps + static_cast<size_t>(g) * kDotDepth, c, codes);
        for (int v = 0; v < 2; ++v)
          sums[v] = simd::dot_add(codes[v], simd::load_weights(weights + v * kWidth * kDotDepth), sums[v]);
      }
      int8_t* to = row.out + static_cast<size_t>(ox) * p.channels + c;
      row.requantiser.store({to, to}, {{sums[0], sums[1]}, {sums[0], sums[1]}}, c, p.channels - c);
    }
  }
}

constexpr int kColumnGroups = kColumnTaps / kDotDepth;

// One column of a window of three rows, ready for dot products.
struct Column {
  DotOperand groups[kColumnGroups][2];
};

// Where three rows are read, column after column.
struct Lines {
  const int8_t* at[3];
  size_t steps[3];

  Column next() {
    const int8_t* taps[kColumnTaps] = {at[0], at[1], at[2], at[2]};
    Column column;
    for (int g = 0; g < kColumnGroups; ++g) simd::interleave_codes(taps + g * kDotDepth, 0, column.groups[g]);
    for (int ky = 0; ky < 3; ++ky) at[ky] += steps[ky];
    return column;
  }
};

// The most columns that are read at a time.
constexpr int32_t kMostColumns = 4;

// A block of columns of which some lie outside the image.
struct Edge {
  int8_t codes[3][kMostColumns][kBlock];

  // Columns ix .. ix + count - 1 of `lines`, which are at column 0.
  [[gnu::noinline]] Lines gather(const Row& row, const Lines& lines, int32_t ix, int32_t count, uint32_t c) {
    Lines edge;
    for (int ky = 0; ky < 3; ++ky) {
      for (int32_t i = 0; i < count; ++i) {
        const auto x = static_cast<uint32_t>(ix + i);
        std::memcpy(codes[ky][i], x < row.p.in_w ? lines.at[ky] + x * lines.steps[ky] : row.padding + c,
                    kBlock);
      }
      edge.at[ky] = codes[ky][0];
      edge.steps[ky] = kBlock;
    }
    return edge;
  }
};

void add_column(const Column& codes, const Column& weights, VI (&sums)[2]) {
  for (int g = 0; g < kColumnGroups; ++g)
    for (int v = 0; v < 2; ++v) sums[v] = simd::dot_add(codes.groups[g][v], weights.groups[g][v], sums[v]);
}

// 3x3 windows, two outputs at a time: columns that several read stay in registers, and so do weights.
template <int kStride>
void rolling_row(const Row& row, const int8_t**) {
  constexpr int kKept = 3 - kStride, kFresh = 2 * kStride;
  const QuantizedDepthwiseParams& p = row.p;
  Lines lines;
  for (uint32_t ky = 0; ky < 3; ++ky) {
    const auto iy = static_cast<uint32_t>(row.y + static_cast<int32_t>(ky));
    const bool inside = iy < p.in_h;
    lines.at[ky] = inside ? row.image + static_cast<size_t>(iy) * p.in_w * p.channels : row.padding;
    lines.steps[ky] = inside ? p.channels : 0;
  }
  const int8_t* at = row.weights;
  Edge edge;
  for (uint32_t c = 0; c < p.channels; c += kBlock) {
    Column weights[3];
    for (Column& column : weights)
      for (auto& group : column.groups)
        for (DotOperand& w : group) {
          w = simd::load_weights(at);
          at += kWidth * kDotDepth;
        }
    VI bias[2];
    load_bias(row, c, bias);
    int32_t ix = row.left(0);
    Column columns[kKept + kFresh];
    Lines from = edge.gather(row, lines, ix, kKept, c);
    for (int i = 0; i < kKept; ++i) columns[i] = from.next();
    ix += kKept;
    int8_t* out = row.out + c;
    bool is_inside = false;
    for (uint32_t ox = 0; ox < p.out_w; ox += 2, ix += kFresh, out += 2 * static_cast<size_t>(p.channels)) {
      if (ix < 0 || ix + kFresh > static_cast<int32_t>(p.in_w)) {
        from = edge.gather(row, lines, ix, kFresh, c);
        is_inside = false;
      } else if (!is_inside) {
        for (int ky = 0; ky < 3; ++ky) from.at[ky] = lines.at[ky] + static_cast<size_t>(ix) * lines.steps[ky];
        for (int ky = 0; ky < 3; ++ky) from.steps[ky] = lines.steps[ky];
        is_inside = true;
      }
#pragma clang loop unroll(full)
      for (int i = kKept; i < kKept + kFresh; ++i) columns[i] = from.next();
      VI sums[2][2] = {{bias[0], bias[1]}, {bias[0], bias[1]}};
#pragma clang loop unroll(full)
      for (int o = 0; o < 2; ++o)
#pragma clang loop unroll(full)
        for (int i = 0; i < 3; ++i) add_column(columns[o * kStride + i], weights[i], sums[o]);
      // Where a row ends on one output, what would be the next goes under it.
      row.requantiser.store({ox + 1 < p.out_w ? out + p.channels : out, out},
                            {{sums[1][0], sums[1][1]}, {sums[0][0], sums[0][1]}}, c, p.channels - c);
#pragma clang loop unroll(full)
      for (int i = 0; i < kKept; ++i) columns[i] = columns[kFresh + i];
    }
    for (const int8_t*& line : lines.at) line += kBlock;
  }
}

auto row_kernel(const QuantizedDepthwiseParams& p) {
  const bool plain = p.kernel_x == 3 && p.kernel_y == 3 && p.dilation_x == 1 && p.dilation_y == 1;
  if (plain && p.stride_x == 1) return rolling_row<1>;
  if (plain && p.stride_x == 2) return rolling_row<2>;
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

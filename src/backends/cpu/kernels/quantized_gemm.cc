// Convolution over codes: tiles of kDotTileRows output pixels by kDotTileColumns outputs, as gemm has them.
#include "backends/cpu/kernels/quantized_gemm.h"

namespace linnet::cpu {

namespace {

using simd::kDotDepth;
using simd::kDotTileColumns;
using simd::kDotTileRows;
using simd::kDotTileVectors;
using simd::kWidth;
using simd::VI;

// Weights that meet one group of codes.
constexpr int kGroupBytes = kDotTileColumns * kDotDepth;

// What tiles are computed from. `pixels[r * taps + t]` is where row r reads for tap t; `panel` is
// [tap][group][column][channel].
struct Tiles {
  const int8_t* const* pixels;
  const int8_t* panel;
  const int32_t* bias;
  uint32_t taps, channels;
  int8_t* const* targets;
  uint32_t column, columns;  // the first column, and how many there are from it
};

// `rows` rows by one panel.
void run_panel(const Tiles& tiles, const Requantiser& requantiser, uint32_t rows) {
  constexpr int kRows = kDotTileRows;
  static_assert(kRows == 4);
  const bool is_whole = requantiser.is_whole(tiles.columns);
  size_t row[kRows] = {0, 1, 2, 3};
  for (uint32_t first = 0; first < rows; first += kRows) {
    const int8_t* const* pixels = tiles.pixels + static_cast<size_t>(first) * tiles.taps;
    int8_t* const* targets = tiles.targets + first;
    // Rows that a last tile has too few of are its last one again.
    if (rows - first < kRows)
      for (size_t& r : row) r = std::min<size_t>(r, rows - first - 1);
    VI sums[kRows][kDotTileVectors];
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kDotTileVectors; ++v) sums[r][v] = simd::load_integers(tiles.bias + v * kWidth);
    const int8_t* panel = tiles.panel;
    for (uint32_t t = 0; t < tiles.taps; ++t) {
      const int8_t* from[kRows];
      for (int r = 0; r < kRows; ++r) from[r] = pixels[row[r] * tiles.taps + t];
      for (uint32_t c = 0; c < tiles.channels; c += kDotDepth, panel += kGroupBytes) {
        simd::DotOperand b[kDotTileVectors];
#pragma clang loop unroll(full)
        for (int v = 0; v < kDotTileVectors; ++v) b[v] = simd::load_weights(panel + v * kWidth * kDotDepth);
#pragma clang loop unroll(full)
        for (int r = 0; r < kRows; ++r) {
          const simd::DotOperand a = simd::splat_codes(from[r] + c);
#pragma clang loop unroll(full)
          for (int v = 0; v < kDotTileVectors; ++v) sums[r][v] = simd::dot_add(a, b[v], sums[r][v]);
        }
      }
    }
    if (is_whole) [[likely]] {
      const auto store = [&](uint32_t r) {
        requantiser.store_codes({targets[row[r]] + tiles.column, targets[row[r + 1]] + tiles.column},
                                {{sums[r][0], sums[r][1]}, {sums[r + 1][0], sums[r + 1][1]}}, tiles.column);
      };
      store(0);
      // A residual in place must not be read again once the last row is written.
      if (first + 2 < rows) store(2);
      continue;
    }
    int32_t results[kRows][kDotTileColumns];
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kDotTileVectors; ++v) simd::store_integers(results[r] + v * kWidth, sums[r][v]);
    for (uint32_t r = 0; r < std::min<uint32_t>(kRows, rows - first); ++r)
      requantiser.store(targets[r] + tiles.column, results[r], tiles.column, tiles.columns);
  }
}

// One row over kPanels neighbouring panels, `stride` bytes apart: alone, the sums of one panel are too few to
// hide how long each takes.
template <int kPanels>
void run_line(const Tiles& tiles, const Requantiser& requantiser, size_t stride) {
  VI sums[kPanels][kDotTileVectors];
  for (int p = 0; p < kPanels; ++p)
    for (int v = 0; v < kDotTileVectors; ++v)
      sums[p][v] = simd::load_integers(tiles.bias + p * kDotTileColumns + v * kWidth);
  const int8_t* panel = tiles.panel;
  for (uint32_t t = 0; t < tiles.taps; ++t) {
    const int8_t* row = tiles.pixels[t];
    for (uint32_t c = 0; c < tiles.channels; c += kDotDepth, panel += kGroupBytes) {
      const simd::DotOperand a = simd::splat_codes(row + c);
#pragma clang loop unroll(full)
      for (int p = 0; p < kPanels; ++p)
#pragma clang loop unroll(full)
        for (int v = 0; v < kDotTileVectors; ++v)
          sums[p][v] = simd::dot_add(
              a, simd::load_weights(panel + static_cast<size_t>(p) * stride + v * kWidth * kDotDepth),
              sums[p][v]);
    }
  }
#pragma clang loop unroll(full)
  for (uint32_t p = 0; p < kPanels; ++p) {
    int8_t* to = tiles.targets[0] + tiles.column + p * kDotTileColumns;
    const uint32_t column = tiles.column + p * kDotTileColumns;
    int32_t results[kDotTileColumns];
    for (int v = 0; v < kDotTileVectors; ++v) simd::store_integers(results + v * kWidth, sums[p][v]);
    requantiser.store(to, results, column, tiles.columns - p * kDotTileColumns);
  }
}

}  // namespace

QuantizedBlock::QuantizedBlock(const Memory& memory, const QuantizedGemmParams& p, std::byte* scratch)
    : table_(memory, p, scratch),
      requantiser_(memory, p.requantisation, p.out),
      weights_(memory.at<int8_t>(p.weights)),
      bias_(memory.at<int32_t>(p.bias)),
      out_channels_(p.out_channels) {}

void QuantizedBlock::run(uint32_t first, uint32_t count, Range columns) {
  constexpr uint32_t kLinePanels = 4;
  const size_t panel_bytes =
      table_.taps() * static_cast<size_t>(align_up(table_.channels(), kDotDepth)) * kDotTileColumns;
  const auto tiles_at = [&](uint32_t row, uint32_t column) {
    return Tiles{table_.pixels(row),
                 weights_ + column / kDotTileColumns * panel_bytes,
                 bias_ + column,
                 table_.taps(),
                 table_.channels(),
                 table_.targets(row),
                 column,
                 out_channels_ - column};
  };
  table_.fill(first, count, nullptr);
  // A single last row goes over several panels at once.
  const uint32_t tiled = count % kDotTileRows == 1 ? count - 1 : count;
  for (uint32_t column = columns.begin; column < columns.end; column += kDotTileColumns)
    run_panel(tiles_at(0, column), requantiser_, tiled);
  if (tiled == count) return;
  uint32_t column = columns.begin;
  for (; column + kLinePanels * kDotTileColumns <= columns.end; column += kLinePanels * kDotTileColumns)
    run_line<kLinePanels>(tiles_at(tiled, column), requantiser_, panel_bytes);
  for (; column < columns.end; column += kDotTileColumns) run_panel(tiles_at(tiled, column), requantiser_, 1);
}

void quantized_gemm(const Memory& memory, const uint32_t* words, Range range, std::byte* scratch) {
  const auto p = read_params<QuantizedGemmParams>(words);
  QuantizedBlock block(memory, p, scratch);
  for_each_block(p, range,
                 [&](uint32_t first, uint32_t count, Range columns) { block.run(first, count, columns); });
}

}  // namespace linnet::cpu

// Convolution over codes: tiles of kDotTileRows output pixels by kDotTileColumns outputs, as gemm has them.
#include "backends/cpu/kernels/pixel_table.h"
#include "backends/cpu/kernels/requantise.h"

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

// What a tile is computed from. `pixels[r * taps + t]` is where row r reads for tap t; `panel` is
// [tap][group][column][channel].
struct Tile {
  const int8_t* const* pixels;
  const int8_t* panel;
  const int32_t* bias;
  uint32_t taps, channels;
  int8_t* const* targets;
  uint32_t column, columns;  // the first column, and how many there are from it
};

void store_row(const Tile& tile, uint32_t row, uint32_t panel, const VI (&sums)[kDotTileVectors],
               const Requantiser& requantiser) {
  const uint32_t column = tile.column + panel * kDotTileColumns;
  const uint32_t left = tile.columns - panel * kDotTileColumns;
  requantiser.store(tile.targets[row] + column, sums, column,
                    static_cast<int>(std::min<uint32_t>(left, kDotTileColumns)));
}

template <int kRows>
void run_tile(const Tile& tile, const Requantiser& requantiser) {
  VI sums[kRows][kDotTileVectors];
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kDotTileVectors; ++v) sums[r][v] = simd::load_integers(tile.bias + v * kWidth);
  const int8_t* const* pixels = tile.pixels;
  const int8_t* panel = tile.panel;
  for (uint32_t t = 0; t < tile.taps; ++t, ++pixels) {
    const int8_t* rows[kRows];
    for (int r = 0; r < kRows; ++r) rows[r] = pixels[static_cast<size_t>(r) * tile.taps];
    for (uint32_t c = 0; c < tile.channels; c += kDotDepth, panel += kGroupBytes) {
      simd::DotOperand b[kDotTileVectors];
#pragma clang loop unroll(full)
      for (int v = 0; v < kDotTileVectors; ++v) b[v] = simd::load_weights(panel + v * kWidth * kDotDepth);
#pragma clang loop unroll(full)
      for (int r = 0; r < kRows; ++r) {
        const simd::DotOperand a = simd::splat_codes(rows[r] + c);
#pragma clang loop unroll(full)
        for (int v = 0; v < kDotTileVectors; ++v) sums[r][v] = simd::dot_add(a, b[v], sums[r][v]);
      }
    }
  }
  for (uint32_t r = 0; r < kRows; ++r) store_row(tile, r, 0, sums[r], requantiser);
}

// The kernel for `rows` rows: from `kRows` down to 1.
template <int kRows = kDotTileRows>
void run_rows(const Tile& tile, const Requantiser& requantiser, uint32_t rows) {
  if constexpr (kRows > 1) {
    if (rows < static_cast<uint32_t>(kRows)) return run_rows<kRows - 1>(tile, requantiser, rows);
  }
  run_tile<kRows>(tile, requantiser);
}

// One row over kPanels neighbouring panels, `stride` bytes apart: alone, the sums of one panel are too few to
// hide how long each takes.
template <int kPanels>
void run_line(const Tile& tile, const Requantiser& requantiser, size_t stride) {
  VI sums[kPanels][kDotTileVectors];
  for (int p = 0; p < kPanels; ++p)
    for (int v = 0; v < kDotTileVectors; ++v)
      sums[p][v] = simd::load_integers(tile.bias + p * kDotTileColumns + v * kWidth);
  const int8_t* panel = tile.panel;
  for (uint32_t t = 0; t < tile.taps; ++t) {
    const int8_t* row = tile.pixels[t];
    for (uint32_t c = 0; c < tile.channels; c += kDotDepth, panel += kGroupBytes) {
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
  for (uint32_t p = 0; p < kPanels; ++p) store_row(tile, 0, p, sums[p], requantiser);
}

}  // namespace

void quantized_gemm(const Memory& memory, const uint32_t* words, Range range, std::byte* scratch) {
  constexpr uint32_t kLinePanels = 4;
  const auto p = read_params<QuantizedGemmParams>(words);
  PixelTable<int8_t> table(memory, p, scratch);
  const Requantiser requantiser(memory, p.requantisation, p.out);
  const int8_t* weights = memory.at<int8_t>(p.weights);
  const int32_t* bias = memory.at<int32_t>(p.bias);
  const auto depth = static_cast<size_t>(align_up(table.channels(), kDotDepth));
  const size_t panel_bytes = table.taps() * depth * kDotTileColumns;
  const auto tile_at = [&](uint32_t row, uint32_t column) {
    return Tile{table.pixels(row),
                weights + column / kDotTileColumns * panel_bytes,
                bias + column,
                table.taps(),
                table.channels(),
                table.targets(row),
                column,
                p.out_channels - column};
  };
  for_each_block(p, range, [&](uint32_t first, uint32_t count, Range columns) {
    table.fill(first, count, nullptr);
    // A single last row goes over several panels at once.
    const uint32_t tiled = count % kDotTileRows == 1 ? count - 1 : count;
    for (uint32_t column = columns.begin; column < columns.end; column += kDotTileColumns)
      for (uint32_t r = 0; r < tiled; r += kDotTileRows) run_rows(tile_at(r, column), requantiser, tiled - r);
    if (tiled == count) return;
    uint32_t column = columns.begin;
    for (; column + kLinePanels * kDotTileColumns <= columns.end; column += kLinePanels * kDotTileColumns)
      run_line<kLinePanels>(tile_at(tiled, column), requantiser, panel_bytes);
    for (; column < columns.end; column += kDotTileColumns) run_rows(tile_at(tiled, column), requantiser, 1);
  });
}

}  // namespace linnet::cpu

// Convolution and matrix multiplication as one kernel: tiles of kTileRows output pixels by kTileColumns
// outputs, read through a table of pointers to input pixels.
#include <algorithm>
#include <limits>

#include "backends/cpu/kernels/pixel_table.h"
#include "backends/cpu/kernels/program.h"
#include "simd/simd.h"

namespace linnet::cpu {

namespace {

using simd::kTileColumns;
using simd::kTileRows;
using simd::kTileVectors;
using simd::kWidth;
using simd::V;

// What a tile of `kRows` rows is computed from. `pixels[r * taps + t]` is where row r reads for tap t;
// `panel` is [tap][channel][column].
struct Tile {
  const float* const* pixels;
  const float* panel;
  const float* bias;
  uint32_t taps, channels;
  float* const* targets;
  uint32_t column, columns;  // the first column, and how many there are from it
  V low, high;
};

template <int kRows>
void accumulate(const Tile& tile, V (&sums)[kRows][kTileVectors]) {
  const float* const* pixels = tile.pixels;
  const float* panel = tile.panel;
  const uint32_t channels = tile.channels;
  for (uint32_t t = 0; t < tile.taps; ++t, ++pixels) {
    const float* rows[kRows];
    for (int r = 0; r < kRows; ++r) rows[r] = pixels[static_cast<size_t>(r) * tile.taps];
    for (uint32_t c = 0; c < channels; ++c, panel += kTileColumns) {
      V b[kTileVectors];
#pragma clang loop unroll(full)
      for (int v = 0; v < kTileVectors; ++v) b[v] = simd::load(panel + v * kWidth);
#pragma clang loop unroll(full)
      for (int r = 0; r < kRows; ++r) {
        const V a = simd::splat(rows[r][c]);
#pragma clang loop unroll(full)
        for (int v = 0; v < kTileVectors; ++v) sums[r][v] = simd::multiply_add(a, b[v], sums[r][v]);
      }
    }
  }
}

void store_row(float* out, const V (&sums)[kTileVectors], V low, V high, uint32_t columns) {
  for (int v = 0; v < kTileVectors; ++v) {
    const V value = simd::min(simd::max(sums[v], low), high);
    const int left = static_cast<int>(columns) - v * kWidth;
    if (left >= kWidth)
      simd::store(out + v * kWidth, value);
    else if (left > 0)
      simd::store_partial(out + v * kWidth, value, left);
  }
}

template <int kRows>
void run_tile(const Tile& tile) {
  V sums[kRows][kTileVectors];
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kTileVectors; ++v) sums[r][v] = simd::load(tile.bias + v * kWidth);
  accumulate<kRows>(tile, sums);
  for (int r = 0; r < kRows; ++r)
    store_row(tile.targets[r] + tile.column, sums[r], tile.low, tile.high, tile.columns);
}

// The kernel for `rows` rows: from `kRows` down to 1.
template <int kRows = kTileRows>
void run_rows(const Tile& tile, uint32_t rows) {
  if constexpr (kRows > 1) {
    if (rows < static_cast<uint32_t>(kRows)) return run_rows<kRows - 1>(tile, rows);
  }
  run_tile<kRows>(tile);
}

// One row over kPanels neighbouring panels, `stride` floats apart: alone, the sums of one panel are too few
// to hide how long each takes.
template <int kPanels>
void run_line(const Tile& tile, size_t stride) {
  V sums[kPanels][kTileVectors];
  for (int p = 0; p < kPanels; ++p)
    for (int v = 0; v < kTileVectors; ++v) sums[p][v] = simd::load(tile.bias + p * kTileColumns + v * kWidth);
  const float* panel = tile.panel;
  for (uint32_t t = 0; t < tile.taps; ++t) {
    const float* row = tile.pixels[t];
    for (uint32_t c = 0; c < tile.channels; ++c, panel += kTileColumns) {
      const V a = simd::splat(row[c]);
#pragma clang loop unroll(full)
      for (int p = 0; p < kPanels; ++p)
#pragma clang loop unroll(full)
        for (int v = 0; v < kTileVectors; ++v)
          sums[p][v] = simd::multiply_add(a, simd::load(panel + static_cast<size_t>(p) * stride + v * kWidth),
                                          sums[p][v]);
    }
  }
  for (uint32_t p = 0; p < kPanels; ++p)
    store_row(tile.targets[0] + tile.column + p * kTileColumns, sums[p], tile.low, tile.high,
              tile.columns - p * kTileColumns);
}

class GemmBlock {
 public:
  GemmBlock(const Memory& memory, const GemmParams& p, std::byte* scratch)
      : p_(p),
        table_(memory, p, scratch),
        weights_(memory.at<float>(p.weights)),
        bias_(memory.at<float>(p.bias)),
        panel_floats_(static_cast<size_t>(table_.taps()) * table_.channels() * kTileColumns) {}

  // Columns `columns` of rows [first, first + count) of the grid; results go to the output, or one row after
  // another to `raw`.
  void run(uint32_t first, uint32_t count, Range columns, float* raw) {
    table_.fill(first, count, raw);
    // A single last row goes over several panels at once.
    const uint32_t tiled = count % kTileRows == 1 ? count - 1 : count;
    for (uint32_t column = columns.begin; column < columns.end; column += kTileColumns)
      for (uint32_t r = 0; r < tiled; r += kTileRows) run_rows(tile_at(r, column), tiled - r);
    if (tiled == count) return;
    uint32_t column = columns.begin;
    for (; column + kLinePanels * kTileColumns <= columns.end; column += kLinePanels * kTileColumns)
      run_line<kLinePanels>(tile_at(tiled, column), panel_floats_);
    for (; column < columns.end; column += kTileColumns) run_rows(tile_at(tiled, column), 1);
  }

 private:
  static constexpr uint32_t kLinePanels = 4;

  Tile tile_at(uint32_t row, uint32_t column) const {
    return {table_.pixels(row),
            weights_ + column / kTileColumns * panel_floats_,
            bias_ + column,
            table_.taps(),
            table_.channels(),
            table_.targets(row),
            column,
            p_.out_channels - column,
            simd::splat(p_.low),
            simd::splat(p_.high)};
  }

  const GemmParams& p_;
  PixelTable<float> table_;
  const float* weights_;
  const float* bias_;
  size_t panel_floats_;
};

// The program at `words` over `rows` of raw results. In the output they may go on at its start.
void run_epilogue(const Memory& memory, const GemmParams& p, const uint32_t* words, Range rows,
                  const float* raw, std::byte* registers) {
  const uint32_t held = p.out_rows * p.grid_w;
  while (rows.begin < rows.end) {
    const uint32_t at = rows.begin % held, count = std::min(rows.end - rows.begin, held - at);
    run_program(memory, words, {rows.begin, rows.begin + count},
                memory.at<float>(p.out) + static_cast<size_t>(at) * p.out_channels, raw, registers);
    raw += static_cast<size_t>(count) * p.out_channels;
    rows.begin += count;
  }
}

}  // namespace

void gemm(const Memory& memory, const uint32_t* words, Range range, std::byte* scratch) {
  const auto p = read_params<GemmParams>(words);
  GemmBlock block(memory, p, scratch);
  const GemmScratch layout = gemm_scratch(p);
  float* raw = reinterpret_cast<float*>(scratch + layout.raw);
  std::byte* registers = scratch + layout.registers;
  for_each_block(p, range, [&](uint32_t first, uint32_t count, Range columns) {
    block.run(first, count, columns, p.has_epilogue != 0 ? raw : nullptr);
    if (p.has_epilogue != 0) run_epilogue(memory, p, words, {first, first + count}, raw, registers);
  });
}

}  // namespace linnet::cpu

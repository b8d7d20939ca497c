// Convolution and matrix multiplication as one kernel: tiles of kTileRows output pixels by kTileColumns
// outputs, read through a table of pointers to input pixels (the indirection buffer of Dukhan 2019, built per
// block of rows).
#include <algorithm>
#include <limits>

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
        x_(memory.at<float>(p.x)),
        zeros_(memory.at<float>(p.zeros)),
        out_(memory.at<float>(p.out)),
        weights_(memory.at<float>(p.weights)),
        bias_(memory.at<float>(p.bias)),
        taps_(gemm_taps(p)),
        channels_(gemm_channels(p)) {
    const GemmScratch layout = gemm_scratch(p);
    pixels_ = reinterpret_cast<const float**>(scratch);
    targets_ = reinterpret_cast<float**>(scratch + layout.targets);
    edges_ = reinterpret_cast<float*>(scratch + layout.edges);
  }

  // Columns `columns` of rows [first, first + count) of the grid; results go to the output, or one row after
  // another to `raw`.
  void run(uint32_t first, uint32_t count, Range columns, float* raw) {
    for (uint32_t r = 0; r < count;) {
      const uint32_t line = (first + r) / p_.grid_w, gx = (first + r) % p_.grid_w;
      const uint32_t pixels = std::min(count - r, p_.grid_w - gx);
      fill_targets(line, gx, {r, r + pixels}, raw);
      fill_pixels(line, gx, {r, r + pixels});
      r += pixels;
    }
    // A single last row goes over several panels at once.
    const uint32_t tiled = count % kTileRows == 1 ? count - 1 : count;
    for (uint32_t column = columns.begin; column < columns.end; column += kTileColumns)
      for (uint32_t r = 0; r < tiled; r += kTileRows) run_rows(tile_at(r, column), tiled - r);
    if (tiled == count) return;
    uint32_t column = columns.begin;
    for (; column + kLinePanels * kTileColumns <= columns.end; column += kLinePanels * kTileColumns)
      run_line<kLinePanels>(tile_at(tiled, column), panel_floats());
    for (; column < columns.end; column += kTileColumns) run_rows(tile_at(tiled, column), 1);
  }

 private:
  static constexpr uint32_t kLinePanels = 4;

  size_t panel_floats() const { return static_cast<size_t>(taps_) * channels_ * kTileColumns; }

  Tile tile_at(uint32_t row, uint32_t column) const {
    return {pixels_ + static_cast<size_t>(row) * taps_,
            weights_ + column / kTileColumns * panel_floats(),
            bias_ + column,
            taps_,
            channels_,
            targets_ + row,
            column,
            p_.out_channels - column,
            simd::splat(p_.low),
            simd::splat(p_.high)};
  }

  // Where rows `slots` of the block write: neighbours in row `line` of the grid, all images counted, from
  // `gx`.
  void fill_targets(uint32_t line, uint32_t gx, Range slots, float* raw) {
    const size_t oy = size_t{line / p_.grid_h} * p_.out_h + line % p_.grid_h * p_.grid_stride_y + p_.grid_y;
    const size_t ox = static_cast<size_t>(gx) * p_.grid_stride_x + p_.grid_x;
    float* to = raw != nullptr ? raw + static_cast<size_t>(slots.begin) * p_.out_channels
                               : out_ + (oy % p_.out_rows * p_.out_w + ox) * p_.out_channels;
    const size_t step = static_cast<size_t>(raw != nullptr ? 1 : p_.grid_stride_x) * p_.out_channels;
    for (uint32_t r = slots.begin; r < slots.end; ++r, to += step) targets_[r] = to;
  }

  // What the same rows read.
  void fill_pixels(uint32_t line, uint32_t gx, Range slots) {
    const uint32_t n = line / p_.grid_h, gy = line % p_.grid_h;
    const int32_t left = static_cast<int32_t>(gx * p_.stride_x) - p_.pad_left;
    for (uint32_t ky = 0; ky < p_.kernel_y; ++ky) {
      const int32_t iy = static_cast<int32_t>(gy * p_.stride_y + ky * p_.dilation_y) - p_.pad_top;
      const bool inside = static_cast<uint32_t>(iy) < p_.in_h;
      const size_t row = inside ? (size_t{n} * p_.in_h + static_cast<uint32_t>(iy)) % p_.x_rows : 0;
      const float* start = inside ? x_ + row * p_.in_w * p_.channels : nullptr;
      if (p_.merge_x != 0)
        fill_merged(start, left, ky, slots);
      else
        fill_taps(start, left, ky, slots);
    }
  }

  // Taps (ky, ...) of the rows' windows, in the input's row at `start` (null: outside).
  void fill_taps(const float* start, int32_t left, uint32_t ky, Range slots) {
    const float** slot = pixels_ + static_cast<size_t>(slots.begin) * taps_ + ky * p_.kernel_x;
    for (uint32_t r = slots.begin; r < slots.end;
         ++r, slot += taps_, left += static_cast<int32_t>(p_.stride_x))
      for (uint32_t kx = 0; kx < p_.kernel_x; ++kx) {
        const int32_t ix = left + static_cast<int32_t>(kx * p_.dilation_x);
        slot[kx] = start != nullptr && static_cast<uint32_t>(ix) < p_.in_w
                       ? start + static_cast<size_t>(ix) * p_.channels
                       : zeros_;
      }
  }

  void fill_merged(const float* start, int32_t left, uint32_t ky, Range slots) {
    const float** slot = pixels_ + static_cast<size_t>(slots.begin) * taps_ + ky;
    for (uint32_t r = slots.begin; r < slots.end;
         ++r, slot += taps_, left += static_cast<int32_t>(p_.stride_x))
      *slot = start != nullptr ? merged_pixels(start, left, r * p_.kernel_y + ky) : zeros_;
  }

  // The pixels under one row of the window, one after another: in place, or copied beside zeros at the
  // input's edges.
  const float* merged_pixels(const float* line, int32_t left, uint32_t edge) {
    const int32_t kernel = static_cast<int32_t>(p_.kernel_x), width = static_cast<int32_t>(p_.in_w);
    if (left >= 0 && left + kernel <= width) return line + static_cast<size_t>(left) * p_.channels;
    float* copy = edges_ + static_cast<size_t>(edge) * channels_;
    std::fill(copy, copy + channels_, 0.0f);
    const int32_t first = std::max(left, 0), last = std::min(left + kernel, width);
    if (first < last)
      std::copy(line + static_cast<size_t>(first) * p_.channels,
                line + static_cast<size_t>(last) * p_.channels,
                copy + static_cast<size_t>(first - left) * p_.channels);
    return copy;
  }

  const GemmParams& p_;
  const float* x_;
  const float* zeros_;
  float* out_;
  const float* weights_;
  const float* bias_;
  uint32_t taps_;
  uint32_t channels_;
  const float** pixels_;
  float** targets_;
  float* edges_;
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
  const uint32_t rows = p.batch * p.grid_h * p.grid_w;
  const uint32_t column_blocks = (p.out_channels + p.block_columns - 1) / p.block_columns;
  for (uint32_t unit = range.begin; unit < range.end;) {
    // Units of whole rows follow each other: blocks need not end with them.
    const uint32_t units = column_blocks == 1 ? range.end - unit : 1;
    const uint32_t column = unit % column_blocks * p.block_columns;
    const Range columns{column, std::min(column + p.block_columns, p.out_channels)};
    uint32_t first = unit / column_blocks * p.unit_rows;
    const uint32_t last = std::min(first + units * p.unit_rows, rows);
    for (uint32_t count; first < last; first += count) {
      count = std::min(p.block_rows, last - first);
      block.run(first, count, columns, p.has_epilogue != 0 ? raw : nullptr);
      if (p.has_epilogue != 0) run_epilogue(memory, p, words, {first, first + count}, raw, registers);
    }
    unit += units;
  }
}

}  // namespace linnet::cpu

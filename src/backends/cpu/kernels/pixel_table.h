// The pixels that a gemm reads and writes, as a table of pointers for one block of rows: the indirection
// buffer of Dukhan 2019.
#pragma once

#include <algorithm>

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"

namespace linnet::cpu {

// Over elements of type T, in the scratch that grid_scratch lays out.
template <class T>
class PixelTable {
 public:
  PixelTable(const Memory& memory, const GemmGrid& p, std::byte* scratch)
      : p_(p),
        x_(memory.at<T>(p.x)),
        padding_(memory.at<T>(p.padding)),
        out_(memory.at<T>(p.out)),
        taps_(gemm_taps(p)),
        channels_(gemm_channels(p)) {
    const GridScratch layout = grid_scratch(p, sizeof(T));
    pixels_ = reinterpret_cast<const T**>(scratch);
    targets_ = reinterpret_cast<T**>(scratch + layout.targets);
    edges_ = reinterpret_cast<T*>(scratch + layout.edges);
  }

  uint32_t taps() const { return taps_; }
  uint32_t channels() const { return channels_; }  // of a tap
  // Where row r of the block reads, tap after tap, and the next rows after it.
  const T* const* pixels(uint32_t r) const { return pixels_ + static_cast<size_t>(r) * taps_; }
  // Where row r and the next ones write.
  T* const* targets(uint32_t r) const { return targets_ + r; }

  // Fills the table for rows [first, first + count) of the grid. They write to the output, or one after
  // another to `raw`.
  void fill(uint32_t first, uint32_t count, T* raw) {
    for (uint32_t r = 0; r < count;) {
      const uint32_t line = (first + r) / p_.grid_w, gx = (first + r) % p_.grid_w;
      const uint32_t pixels = std::min(count - r, p_.grid_w - gx);
      fill_targets(line, gx, {r, r + pixels}, raw);
      fill_pixels(line, gx, {r, r + pixels});
      r += pixels;
    }
  }

 private:
  // Where rows `slots` of the block write: neighbours in row `line` of the grid, all images counted, from
  // `gx`.
  void fill_targets(uint32_t line, uint32_t gx, Range slots, T* raw) {
    const size_t oy = size_t{line / p_.grid_h} * p_.out_h + line % p_.grid_h * p_.grid_stride_y + p_.grid_y;
    const size_t ox = static_cast<size_t>(gx) * p_.grid_stride_x + p_.grid_x;
    T* to = raw != nullptr ? raw + static_cast<size_t>(slots.begin) * p_.out_channels
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
      const T* start = inside ? x_ + row * p_.in_w * p_.channels : nullptr;
      if (p_.merge_x != 0)
        fill_merged(start, left, ky, slots);
      else
        fill_taps(start, left, ky, slots);
    }
  }

  // Taps (ky, ...) of the rows' windows, in the input's row at `start` (null: outside).
  void fill_taps(const T* start, int32_t left, uint32_t ky, Range slots) {
    const T** slot = pixels_ + static_cast<size_t>(slots.begin) * taps_ + ky * p_.kernel_x;
    for (uint32_t r = slots.begin; r < slots.end;
         ++r, slot += taps_, left += static_cast<int32_t>(p_.stride_x))
      for (uint32_t kx = 0; kx < p_.kernel_x; ++kx) {
        const int32_t ix = left + static_cast<int32_t>(kx * p_.dilation_x);
        slot[kx] = start != nullptr && static_cast<uint32_t>(ix) < p_.in_w
                       ? start + static_cast<size_t>(ix) * p_.channels
                       : padding_;
      }
  }

  void fill_merged(const T* start, int32_t left, uint32_t ky, Range slots) {
    const T** slot = pixels_ + static_cast<size_t>(slots.begin) * taps_ + ky;
    for (uint32_t r = slots.begin; r < slots.end;
         ++r, slot += taps_, left += static_cast<int32_t>(p_.stride_x))
      *slot = start != nullptr ? merged_pixels(start, left, r * p_.kernel_y + ky) : padding_;
  }

  // The pixels under one row of the window, one after another: in place, or copied beside padding at the
  // input's edges.
  const T* merged_pixels(const T* line, int32_t left, uint32_t edge) {
    const int32_t kernel = static_cast<int32_t>(p_.kernel_x), width = static_cast<int32_t>(p_.in_w);
    if (left >= 0 && left + kernel <= width) return line + static_cast<size_t>(left) * p_.channels;
    T* copy = edges_ + static_cast<size_t>(edge) * channels_;
    std::fill(copy, copy + channels_, padding_[0]);
    const int32_t first = std::max(left, 0), last = std::min(left + kernel, width);
    if (first < last)
      std::copy(line + static_cast<size_t>(first) * p_.channels,
                line + static_cast<size_t>(last) * p_.channels,
                copy + static_cast<size_t>(first - left) * p_.channels);
    return copy;
  }

  const GemmGrid& p_;
  const T* x_;
  const T* padding_;
  T* out_;
  uint32_t taps_;
  uint32_t channels_;
  const T** pixels_;
  T** targets_;
  T* edges_;
};

// Calls `run(first row, how many, columns)` for each block of a range of units.
template <class Run>
void for_each_block(const GemmGrid& p, Range units, Run run) {
  const uint32_t rows = p.batch * p.grid_h * p.grid_w;
  const uint32_t column_blocks = (p.out_channels + p.block_columns - 1) / p.block_columns;
  for (uint32_t unit = units.begin; unit < units.end;) {
    // Units of whole rows follow each other: blocks need not end with them.
    const uint32_t count = column_blocks == 1 ? units.end - unit : 1;
    const uint32_t column = unit % column_blocks * p.block_columns;
    const Range columns{column, std::min(column + p.block_columns, p.out_channels)};
    uint32_t first = unit / column_blocks * p.unit_rows;
    const uint32_t last = std::min(first + count * p.unit_rows, rows);
    for (uint32_t block; first < last; first += block) {
      block = std::min(p.block_rows, last - first);
      run(first, block, columns);
    }
    unit += count;
  }
}

}  // namespace linnet::cpu

// The product of codes and weights, a block of rows at a time.
#pragma once

#include "backends/cpu/kernels/pixel_table.h"
#include "backends/cpu/kernels/requantise.h"

namespace linnet::cpu {

class QuantizedBlock {
 public:
  // `p` lives as long.
  QuantizedBlock(const Memory& memory, const QuantizedGemmParams& p, std::byte* scratch);
  // Columns `columns` of rows [first, first + count) of the grid, of which there are no more than block_rows.
  void run(uint32_t first, uint32_t count, Range columns);

 private:
  PixelTable<int8_t> table_;
  Requantiser requantiser_;
  const int8_t* weights_;
  const int32_t* bias_;
  uint32_t out_channels_;
};

}  // namespace linnet::cpu

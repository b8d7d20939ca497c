// Convolution and matrix product as one tiled kernel: an invocation sums a tile of rows (pixels) x columns
// (output channels) in registers.
#pragma once

#include <functional>

#include "backends/webgpu/lower.h"
#include "ops/window.h"

namespace linnet::webgpu {

// The constant's element that is the weight of tap `tap`, input channel `channel`, output `column`.
using WeightAt = std::function<uint32_t(uint32_t tap, uint32_t channel, uint32_t column)>;

struct TiledProduct {
  uint32_t rows;      // pixels of the result, of all images
  uint32_t channels;  // of the input
  uint32_t columns;   // channels of the result
  // For a convolution that is not a plain product of rows; null for one that is.
  const Window* window = nullptr;
  WeightAt weight_at;
};

// Emits the product of operands 0 and 1 (a constant), with bias (operand 2, where there is one) and epilogue.
Result<void> emit_tiled(Lowering& lowering, const Node& node, const TiledProduct& product);

}  // namespace linnet::webgpu

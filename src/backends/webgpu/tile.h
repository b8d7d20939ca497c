// Convolution and matrix product as one tiled kernel: an invocation sums a tile of rows (pixels) x columns
// (output channels) in registers.
#pragma once

#include "backends/gpu/product.h"
#include "backends/webgpu/lower.h"

namespace linnet::webgpu {

// Emits the product with its epilogue.
Result<void> emit_tiled(Lowering& lowering, const Node& node, const gpu::Product& product);

}  // namespace linnet::webgpu

// Convolutions and matrix products with constant weights run by the tiled kernel.
#include "backends/webgpu/tile.h"

namespace linnet::webgpu {

Result<bool> lower_product(Lowering& lowering, const Node& node) {
  const auto product = gpu::product_of(lowering.graph(), node);
  if (!product) return false;
  TRY(emit_tiled(lowering, node, *product));
  return true;
}

}  // namespace linnet::webgpu

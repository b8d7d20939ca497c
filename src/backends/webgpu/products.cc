// Convolutions and matrix products with constant weights run by the tiled kernel.
#include "backends/webgpu/tile.h"
#include "graph/op_def.h"

namespace linnet::webgpu {

namespace {

// Weights and bias are constants, and all constants and the result are floats, as the tiled kernel needs
// them.
bool fits_tiles(const Lowering& lowering, const Node& node) {
  if (!gpu::is_float(lowering.dtype(node.outputs[0]))) return false;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const bool constant = lowering.graph().value(node.inputs[i]).is_constant();
    const bool is_weight = i > 0 && i < static_cast<size_t>(own_inputs(node));
    if (constant ? !gpu::is_float(lowering.dtype(node.inputs[i])) : is_weight) return false;
  }
  return true;
}

}  // namespace

Result<bool> lower_conv2d(Lowering& lowering, const Node& node) {
  if (!fits_tiles(lowering, node)) return false;
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& w = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  const Window window = window_of(node.attrs, x, w[0], w[1]);
  const auto is_plain = [](const WindowAxis& axis) {
    return axis.kernel == 1 && axis.stride == 1 && axis.pad_before == 0 && axis.pad_after == 0;
  };
  TiledProduct product;
  product.rows = static_cast<uint32_t>(y.elements() / y[3]);
  product.channels = static_cast<uint32_t>(x[3]);
  product.columns = static_cast<uint32_t>(y[3]);
  product.window = is_plain(window.y) && is_plain(window.x) ? nullptr : &window;
  product.weight_at = [channels = product.channels, columns = product.columns](uint32_t tap, uint32_t channel,
                                                                               uint32_t column) {
    return (tap * channels + channel) * columns + column;
  };
  TRY(emit_tiled(lowering, node, product));
  return true;
}

Result<bool> lower_matmul(Lowering& lowering, const Node& node) {
  const Shape& a = lowering.shape(node.inputs[0]);
  const Shape& b = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  if (!fits_tiles(lowering, node) || b.rank() != 2 || node.attrs.get_bool(Attr::transpose_a, false))
    return false;
  const bool transposed = node.attrs.get_bool(Attr::transpose_b, false);
  TiledProduct product;
  product.rows = static_cast<uint32_t>(y.elements() / y.back());
  product.channels = static_cast<uint32_t>(a.back());
  product.columns = static_cast<uint32_t>(y.back());
  product.weight_at = [transposed, depth = product.channels, columns = product.columns](
                          uint32_t, uint32_t channel, uint32_t column) {
    return transposed ? column * depth + channel : channel * columns + column;
  };
  TRY(emit_tiled(lowering, node, product));
  return true;
}

}  // namespace linnet::webgpu

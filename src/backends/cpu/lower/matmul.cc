#include "backends/cpu/lower/gemm_step.h"

namespace linnet::cpu {

// A product with constant weights is a 1x1 convolution over rows.
Result<bool> lower_matmul(Lowering& lowering, const Node& node) {
  const Shape& a = lowering.shape(node.inputs[0]);
  const Shape& b = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  if (!has_constant_weights(lowering.graph(), node) || b.rank() != 2 ||
      node.attrs.get_bool(Attr::transpose_a, false))
    return false;
  const auto epilogue = lower_epilogue(lowering, node, true);
  if (!epilogue) return false;
  const bool transposed = node.attrs.get_bool(Attr::transpose_b, false);
  GemmParams p{};
  p.batch = 1;
  p.in_h = p.out_h = p.grid_h = p.x_rows = p.out_rows = 1;
  p.channels = static_cast<uint32_t>(a.back());
  p.in_w = p.out_w = p.grid_w = static_cast<uint32_t>(y.elements() / y.back());
  p.out_channels = static_cast<uint32_t>(b[transposed ? 0 : 1]);
  p.grid_stride_y = p.grid_stride_x = 1;
  p.kernel_y = p.kernel_x = p.stride_y = p.stride_x = p.dilation_y = p.dilation_x = 1;
  const size_t depth = p.channels, columns = p.out_channels;
  emit_gemm(
      lowering, p, node, node.inputs[1], bias_operand(node),
      [=](const float* weights, uint32_t, uint32_t channel, uint32_t column) {
        return transposed ? weights[column * depth + channel] : weights[channel * columns + column];
      },
      !transposed, *epilogue);
  return true;
}

}  // namespace linnet::cpu

#include "backends/cpu/lower/gemm_step.h"
#include "backends/cpu/lower/window_params.h"

namespace linnet::cpu {

Result<bool> lower_conv2d(Lowering& lowering, const Node& node) {
  if (!has_constant_weights(lowering.graph(), node)) return false;
  const auto epilogue = lower_epilogue(lowering, node, true);
  if (!epilogue) return false;
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& w = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  GemmParams p{};
  set_images(p, lowering, node);
  p.grid_h = p.out_h;
  p.grid_w = p.out_w;
  p.out_channels = static_cast<uint32_t>(y[3]);
  p.grid_stride_y = p.grid_stride_x = 1;
  set_window(p, window_of(node.attrs, x, w[0], w[1]));
  const uint32_t channels = p.channels, filters = p.out_channels;
  emit_gemm(
      lowering, p, node, node.inputs[1], bias_operand(node),
      [channels, filters](const float* weights, uint32_t tap, uint32_t channel, uint32_t column) {
        return weights[(size_t{tap} * channels + channel) * filters + column];
      },
      true, *epilogue);
  return true;
}

}  // namespace linnet::cpu

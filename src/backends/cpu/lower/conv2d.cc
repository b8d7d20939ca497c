#include "backends/cpu/lower/gemm_step.h"
#include "ops/window.h"

namespace linnet::cpu {

Result<bool> lower_conv2d(Lowering& lowering, const Node& node) {
  if (!has_constant_weights(lowering.graph(), node)) return false;
  const auto epilogue = lower_epilogue(lowering, node, true);
  if (!epilogue) return false;
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& w = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  const Window window = window_of(node.attrs, x, w[0], w[1]);
  GemmParams p{};
  p.batch = static_cast<uint32_t>(x[0]);
  p.in_h = static_cast<uint32_t>(x[1]);
  p.in_w = static_cast<uint32_t>(x[2]);
  p.channels = static_cast<uint32_t>(x[3]);
  p.out_h = p.grid_h = static_cast<uint32_t>(y[1]);
  p.out_w = p.grid_w = static_cast<uint32_t>(y[2]);
  p.out_channels = static_cast<uint32_t>(y[3]);
  p.grid_stride_y = p.grid_stride_x = 1;
  p.kernel_y = static_cast<uint32_t>(w[0]);
  p.kernel_x = static_cast<uint32_t>(w[1]);
  p.stride_y = static_cast<uint32_t>(window.y.stride);
  p.stride_x = static_cast<uint32_t>(window.x.stride);
  p.dilation_y = static_cast<uint32_t>(window.y.dilation);
  p.dilation_x = static_cast<uint32_t>(window.x.dilation);
  p.pad_top = window.y.pad_before;
  p.pad_left = window.x.pad_before;
  const uint32_t channels = p.channels, filters = p.out_channels;
  emit_gemm(
      lowering, p, node, node.inputs[1], bias_operand(node),
      [channels, filters](const float* weights, uint32_t tap, uint32_t channel, uint32_t column) {
        return weights[(size_t{tap} * channels + channel) * filters + column];
      },
      *epilogue);
  return true;
}

}  // namespace linnet::cpu

// A transposed convolution of stride s is s*s convolutions of stride 1, one for each phase of the output: the
// pixels p, p + s, p + 2s ... of an axis all meet the same taps.
#include "backends/cpu/lower/gemm_step.h"
#include "backends/cpu/lower/window_params.h"

namespace linnet::cpu {

namespace {

// One axis of one phase, as a convolution of stride 1 over the input.
struct Phase {
  uint32_t first;  // output position
  uint32_t count;  // of output positions, `stride` apart
  uint32_t taps;   // of the kernel: first_tap, first_tap + stride, ...
  uint32_t first_tap;
  int32_t pad;
};

Phase phase_of(const WindowAxis& axis, uint32_t phase, uint32_t output) {
  const uint32_t stride = static_cast<uint32_t>(axis.stride), kernel = static_cast<uint32_t>(axis.kernel);
  Phase result{};
  result.first = phase;
  result.count = phase < output ? (output - phase + stride - 1) / stride : 0;
  const uint32_t shifted = phase + static_cast<uint32_t>(axis.pad_before);
  result.first_tap = shifted % stride;
  result.taps = result.first_tap < kernel ? (kernel - result.first_tap + stride - 1) / stride : 0;
  // Output i of the phase meets input i + (shifted - first_tap) / stride - t for tap t; flipped, input i -
  // pad + t'.
  const int32_t base = static_cast<int32_t>((shifted - result.first_tap) / stride);
  result.pad = static_cast<int32_t>(result.taps) - 1 - base;
  return result;
}

}  // namespace

Result<bool> lower_conv2d_transpose(Lowering& lowering, const Node& node) {
  if (!has_constant_weights(lowering.graph(), node)) return false;
  const auto epilogue = lower_epilogue(lowering, node, false);
  if (!epilogue) return false;
  const Shape& w = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  const Window window = window_of(node.attrs, y, w[0], w[1]);
  const uint32_t stride_y = static_cast<uint32_t>(window.y.stride),
                 stride_x = static_cast<uint32_t>(window.x.stride);
  const uint32_t kernel_x = static_cast<uint32_t>(w[1]);
  for (uint32_t py = 0; py < stride_y; ++py)
    for (uint32_t px = 0; px < stride_x; ++px) {
      const Phase v = phase_of(window.y, py, static_cast<uint32_t>(y[1]));
      const Phase h = phase_of(window.x, px, static_cast<uint32_t>(y[2]));
      GemmParams p{};
      set_images(p, lowering, node);
      p.out_channels = static_cast<uint32_t>(y[3]);
      p.grid_h = v.count;
      p.grid_w = h.count;
      p.grid_stride_y = stride_y;
      p.grid_stride_x = stride_x;
      p.grid_y = v.first;
      p.grid_x = h.first;
      p.kernel_y = v.taps;
      p.kernel_x = h.taps;
      p.stride_y = p.stride_x = p.dilation_y = p.dilation_x = 1;
      p.pad_top = v.pad;
      p.pad_left = h.pad;
      const uint32_t channels = p.channels, filters = p.out_channels;
      emit_gemm(
          lowering, p, node, node.inputs[1], bias_operand(node),
          [=](const float* weights, uint32_t tap, uint32_t channel, uint32_t column) {
            const uint32_t ky = v.first_tap + (v.taps - 1 - tap / h.taps) * stride_y;
            const uint32_t kx = h.first_tap + (h.taps - 1 - tap % h.taps) * stride_x;
            return weights[((size_t{ky} * kernel_x + kx) * filters + column) * channels + channel];
          },
          false, *epilogue);
    }
  emit_separate_epilogue(lowering, node, *epilogue);
  return true;
}

}  // namespace linnet::cpu

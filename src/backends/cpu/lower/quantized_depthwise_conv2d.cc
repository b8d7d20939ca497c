#include "backends/cpu/lower/requantisation.h"
#include "backends/cpu/lower/window_params.h"
#include "simd/dot.h"

namespace linnet::cpu {

namespace {

Ref pack_weights(Lowering& lowering, const Tensor& weights, const QuantizedDepthwiseParams& p) {
  constexpr size_t kBlock = 2 * simd::kWidth, kDepth = simd::kDotDepth;
  const size_t groups = depthwise_groups(p, kDepth), blocks = (p.channels + kBlock - 1) / kBlock;
  return lowering.add_weights(blocks * groups * kBlock * kDepth, [=](std::byte* to) {
    const int8_t* from = weights.as<int8_t>();
    for (size_t i = 0; i < blocks * groups * kBlock * kDepth; ++i) {
      const size_t group = i / (kBlock * kDepth);
      const size_t channel = group / groups * kBlock + i / kDepth % kBlock;
      const size_t tap = group % groups * kDepth + i % kDepth;
      const size_t ky = tap % p.column_taps, kx = tap / p.column_taps;
      if (ky < p.kernel_y && kx < p.kernel_x && channel < p.channels)
        to[i] = static_cast<std::byte>(from[(ky * p.kernel_x + kx) * p.channels + channel]);
    }
  });
}

}  // namespace

Result<bool> lower_quantized_depthwise_conv2d(Lowering& lowering, const Node& node) {
  if (!has_quantized_kernel(lowering.graph(), node)) return false;
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& w = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  QuantizedDepthwiseParams p{};
  set_images(p, lowering, node);
  set_window(p, window_of(node.attrs, x, w[0], w[1]));
  const bool rolls = p.kernel_y == p.kernel_x && (p.kernel_y == 3 || p.kernel_y == 5);
  p.column_taps = rolls ? column_taps(p.kernel_y) : p.kernel_y;
  const auto padded = static_cast<uint32_t>(align_up(p.channels, 2 * simd::kWidth));
  p.x = lowering.ref(node.inputs[0]);
  p.out = lowering.ref(node.outputs[0]);
  p.padding = pack_padding(lowering, node, p.channels);
  p.weights = pack_weights(lowering, lowering.graph().value(node.inputs[1]).constant, p);
  p.bias = pack_quantized_bias(lowering, node, padded);
  p.requantisation = pack_requantisation(lowering, node, padded);
  std::vector<uint32_t> words;
  append_params(words, p);
  lowering.need_scratch(uint64_t{depthwise_groups(p, simd::kDotDepth)} * simd::kDotDepth * sizeof(void*));
  lowering.emit(PlanOp::QuantizedDepthwise, p.batch * p.out_h, y.elements() * w[0] * w[1], words);
  return true;
}

}  // namespace linnet::cpu

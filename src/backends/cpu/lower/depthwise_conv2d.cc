#include "backends/cpu/lower/gemm_step.h"
#include "backends/cpu/lower/window_params.h"
#include "simd/simd.h"

namespace linnet::cpu {

Result<bool> lower_depthwise_conv2d(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& w = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  if (!has_depthwise_kernel(lowering.graph(), node)) return false;
  const auto epilogue = lower_epilogue(lowering, node, true);
  if (!epilogue) return false;
  DepthwiseParams p{};
  p.x = lowering.ref(node.inputs[0]);
  p.out = lowering.ref(node.outputs[0]);
  p.zeros = lowering.zeros();
  set_images(p, lowering, node);
  set_window(p, window_of(node.attrs, x, w[0], w[1]));
  p.low = epilogue->clamp.low;
  p.high = epilogue->clamp.high;
  p.has_epilogue = epilogue->program.empty() ? 0 : 1;

  const uint32_t taps = p.kernel_y * p.kernel_x, channels = p.channels;
  const uint32_t padded = static_cast<uint32_t>(align_up(channels, simd::kWidth));
  p.bias = pack_bias(lowering, bias_operand(node), channels, padded);
  p.weights = lowering.add_weights(
      uint64_t{taps} * padded * sizeof(float), lowering.graph().value(node.inputs[1]).constant,
      [=](const Tensor& tensor, std::byte* to) {
        for (uint32_t tap = 0; tap < taps; ++tap)
          std::memcpy(to + size_t{tap} * padded * sizeof(float), tensor.as<float>() + size_t{tap} * channels,
                      channels * sizeof(float));
      },
      [](std::byte*) {});
  std::vector<uint32_t> words;
  append_params(words, p);
  if (p.has_epilogue != 0) {
    words.insert(words.end(), epilogue->program.begin(), epilogue->program.end());
    lowering.need_scratch(align_up(sizeof(float) * p.out_w * channels, kTensorAlignment) +
                          scratch_of(epilogue->program));
  }
  lowering.emit(PlanOp::Depthwise, p.batch * p.out_h, y.elements() * taps, words);
  return true;
}

}  // namespace linnet::cpu

#include "backends/cpu/lower/gemm_step.h"
#include "backends/cpu/lower/requantisation.h"
#include "backends/cpu/lower/window_params.h"
#include "simd/dot.h"

namespace linnet::cpu {

Result<bool> lower_quantized_conv2d(Lowering& lowering, const Node& node) {
  if (!has_quantized_kernel(lowering.graph(), node)) return false;
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& w = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  QuantizedGemmParams p{};
  set_images(p, lowering, node);
  p.grid_h = p.out_h;
  p.grid_w = p.out_w;
  p.out_channels = static_cast<uint32_t>(y[3]);
  p.grid_stride_y = p.grid_stride_x = 1;
  set_window(p, window_of(node.attrs, x, w[0], w[1]));
  const SharedUnits shared =
      set_blocks(lowering, p, {simd::kDotTileRows, simd::kDotTileColumns, sizeof(int8_t)}, false);
  const auto padded = static_cast<uint32_t>(align_up(p.out_channels, simd::kDotTileColumns));
  p.x = lowering.ref(node.inputs[0]);
  p.out = lowering.ref(node.outputs[0]);
  p.padding = pack_padding(lowering, node, gemm_channels(p));
  const Tensor& weights = lowering.graph().value(node.inputs[1]).constant;
  p.weights = pack_code_panels(lowering, weights, p);
  p.bias = pack_quantized_bias(lowering, node, padded);
  p.requantisation = pack_requantisation(lowering, node, padded);
  std::vector<uint32_t> words;
  append_params(words, p);
  lowering.need_scratch(grid_scratch(p, sizeof(int8_t)).end);
  lowering.emit(PlanOp::QuantizedGemm, shared.units, y.elements() * w[0] * w[1] * w[2], words, shared.chunk);
  return true;
}

}  // namespace linnet::cpu

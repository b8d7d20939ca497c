#include "backends/cpu/epilogue.h"
#include "backends/cpu/lower/gemm_step.h"
#include "backends/cpu/lower/requantisation.h"
#include "graph/op_def.h"
#include "simd/dot.h"

namespace linnet::cpu {

Result<bool> lower_dynamic_matmul(Lowering& lowering, const Node& node) {
  const Graph& graph = lowering.graph();
  const auto own = static_cast<size_t>(own_inputs(node));
  for (size_t i = 1; i < own; ++i)
    if (!graph.value(node.inputs[i]).is_constant()) return false;
  const auto epilogue = lower_epilogue(lowering, node, false);
  const Shape& y = lowering.shape(node.outputs[0]);
  if (!epilogue || y.elements() == 0) return false;
  const Tensor& weights = graph.value(node.inputs[1]).constant;

  QuantizedGemmParams product{};
  product.batch = product.in_w = product.out_w = product.grid_w = 1;
  product.grid_stride_y = product.grid_stride_x = product.stride_y = product.stride_x = 1;
  product.kernel_y = product.kernel_x = product.dilation_y = product.dilation_x = 1;
  product.in_h = product.out_h = product.grid_h = product.out_rows =
      static_cast<uint32_t>(y.elements() / y.back());
  product.channels = static_cast<uint32_t>(weights.shape()[2]);
  product.out_channels = static_cast<uint32_t>(y.back());
  const SharedUnits shared =
      set_blocks(lowering, product, {simd::kDotTileRows, simd::kDotTileColumns, sizeof(int8_t)}, false);
  product.x_rows = product.block_rows;
  const auto columns = product.out_channels;
  const auto padded = static_cast<uint32_t>(align_up(columns, simd::kDotTileColumns));
  product.x = Ref::scratch(0);
  product.out = lowering.ref(node.outputs[0]);
  product.padding = lowering.zeros();
  product.weights = pack_code_panels(lowering, weights, product);
  product.bias = pack_column_sums(lowering, weights, columns, 0, {}, padded);
  product.requantisation = {.multiplier = Ref::none(),
                            .residual = Ref::none(),
                            .residual_zero = 0,
                            .residual_scale = 0,
                            .zero = 0,
                            .low = 0,
                            .high = 0,
                            .is_f32 = 1};
  std::vector<uint32_t> words;
  append_params(
      words, DynamicGemmParams{.x = lowering.ref(node.inputs[0]),
                               .column_sums = pack_column_sums(lowering, weights, columns, 1, {}, padded),
                               .scale = pack_bias(lowering, node.inputs[2], columns, padded),
                               .bias = pack_bias(lowering, own > 3 ? node.inputs[3] : kNone, columns, padded),
                               .low = epilogue->clamp.low,
                               .high = epilogue->clamp.high});
  append_params(words, product);
  lowering.need_scratch(dynamic_scratch(product).end);
  lowering.emit(PlanOp::DynamicGemm, shared.units, y.elements() * product.channels, words, shared.chunk);
  emit_separate_epilogue(lowering, node, *epilogue);
  return true;
}

}  // namespace linnet::cpu

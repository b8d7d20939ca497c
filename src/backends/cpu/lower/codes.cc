#include "backends/cpu/lower.h"
#include "backends/cpu/params.h"
#include "ops/quantized.h"

namespace linnet::cpu {

namespace {

Result<bool> emit_map(Lowering& lowering, const Node& node, PlanOp op, CodeMapParams p) {
  const int64_t elements = lowering.shape(node.outputs[0]).elements();
  const CodeRange range = code_range(node.attrs);
  p.x = lowering.ref(node.inputs[0]);
  p.other = node.inputs.size() > 1 ? lowering.ref(node.inputs[1]) : Ref::none();
  p.out = lowering.ref(node.outputs[0]);
  p.elements = static_cast<uint32_t>(elements);
  p.zero = range.zero_point;
  p.low = range.low;
  p.high = range.high;
  std::vector<uint32_t> words;
  append_params(words, p);
  lowering.emit(op, (p.elements + kCodeMapUnit - 1) / kCodeMapUnit, elements, words);
  return true;
}

}  // namespace

Result<bool> lower_quantize(Lowering& lowering, const Node& node) {
  CodeMapParams p{};
  p.x_scale = 1 / node.attrs.get_float(Attr::scale, 1);
  return emit_map(lowering, node, PlanOp::Quantize, p);
}

Result<bool> lower_dequantize(Lowering& lowering, const Node& node) {
  CodeMapParams p{};
  p.x_zero = static_cast<int32_t>(node.attrs.get_int(Attr::zero, 0));
  p.x_scale = node.attrs.get_float(Attr::scale, 1);
  return emit_map(lowering, node, PlanOp::Dequantize, p);
}

Result<bool> lower_quantized_add(Lowering& lowering, const Node& node) {
  CodeMapParams p{};
  p.x_zero = static_cast<int32_t>(node.attrs.get_int(Attr::input_zero, 0));
  p.x_scale = node.attrs.get_float(Attr::input_scale, 1);
  p.other_zero = static_cast<int32_t>(node.attrs.get_int(Attr::other_zero, 0));
  p.other_scale = node.attrs.get_float(Attr::other_scale, 1);
  return emit_map(lowering, node, PlanOp::QuantizedAdd, p);
}

Result<bool> lower_lookup(Lowering& lowering, const Node& node) {
  return emit_map(lowering, node, PlanOp::Lookup, {});
}

}  // namespace linnet::cpu

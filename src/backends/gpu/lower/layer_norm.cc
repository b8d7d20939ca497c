#include "backends/gpu/lower.h"

namespace linnet::gpu {

// Each result walks its whole row.
Result<bool> lower_layer_norm(Lowering& lowering, const Node& node) {
  if (!has_float_operands(lowering.graph(), node)) return false;
  Kernel kernel;
  for (ValueId input : node.inputs) kernel.input(lowering.operand(input));
  const auto columns = static_cast<uint32_t>(lowering.shape(node.inputs[0]).back());
  kernel.param("columns", columns);
  // Elements that the mean is of.
  kernel.param("centre", node.attrs.get_string(Attr::mode, "") == "layer" ? columns : 0);
  kernel.param_f32("epsilon", node.attrs.get_float(Attr::epsilon, 0));
  kernel.text = R"(@fn f32 element(u32 e) {
  @u32 column = e % P.columns;
  @u32 row = e - column;
  @f32 mean = 0.0;
  for (@u32 i = 0u; i < P.centre; i++) { mean += at_0(row + i); }
  mean = mean / f32(P.columns);
  @f32 squares = 0.0;
  for (@u32 i = 0u; i < P.columns; i++) { squares += (at_0(row + i) - mean) * (at_0(row + i) - mean); }
  return (at_0(e) - mean) * (1.0 / sqrt(squares / f32(P.columns) + P.epsilon)) * at_1(column) + at_2(column);
}
)";
  return finish_elements(lowering, kernel, node, false);
}

}  // namespace linnet::gpu

#include "backends/gpu/lower.h"

namespace linnet::gpu {

// Each result walks its whole row: for short rows, and where threads cannot share sums.
Result<bool> lower_softmax(Lowering& lowering, const Node& node) {
  if (!has_float_operands(lowering.graph(), node)) return false;
  const Shape& x = lowering.shape(node.inputs[0]);
  Kernel kernel;
  kernel.input(lowering.operand(node.inputs[0]));
  kernel.param("columns", static_cast<uint32_t>(x.back()));
  kernel.text = R"(@fn f32 element(u32 e) {
  @u32 row = e - e % P.columns;
  @f32 highest = at_0(row);
  for (@u32 i = 1u; i < P.columns; i++) { highest = max(highest, at_0(row + i)); }
  @f32 sum = 0.0;
  for (@u32 i = 0u; i < P.columns; i++) { sum += exp(at_0(row + i) - highest); }
  return exp(at_0(e) - highest) / sum;
}
)";
  return finish_elements(lowering, kernel, node, false);
}

}  // namespace linnet::gpu

#include "backends/gpu/lower.h"

namespace linnet::gpu {

Result<bool> lower_elementwise(Lowering& lowering, const Node& node) {
  const ValueId out = node.outputs[0];
  Kernel kernel;
  std::vector<ExprText> operands;
  for (ValueId id : node.inputs)
    operands.push_back(kernel.operand(kernel.input(lowering.operand(id)),
                                      broadcast_map(lowering.shape(id), lowering.shape(out)), "e"));
  std::string body;
  const ExprText value = kernel.expression(*node.attrs.get_expr(Attr::expr), operands, body);
  // An expression of constants alone has no type of its own.
  finish_kernel(kernel, body, text_of("T4($0)", {value.text}));
  return lowering.emit(kernel, out);
}

}  // namespace linnet::gpu

#include "backends/gpu/lower.h"

namespace linnet::gpu {

Result<bool> lower_elementwise(Lowering& lowering, const Node& node) {
  const ValueId out = node.outputs[0];
  if (!has_float_operands(lowering.graph(), node) || lowering.dtype(out) != DType::F32) return false;
  Kernel kernel;
  std::vector<std::string> operands;
  for (ValueId id : node.inputs)
    operands.push_back(kernel.fours(kernel.input(lowering.ref(id)),
                                    broadcast_map(lowering.shape(id), lowering.shape(out)), "e"));
  std::string body;
  const std::string value = kernel.expression(*node.attrs.get_expr(Attr::expr), operands, &body);
  kernel.text += "@fn T4 kernel(u32 e) {\n" + body + "  return " + value + ";\n}\n";
  TRY(lowering.emit(std::move(kernel), out));
  return true;
}

}  // namespace linnet::gpu

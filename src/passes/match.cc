#include "passes/match.h"

namespace linnet {

std::optional<BinaryMatch> match_binary(const Node& node) {
  if (node.op != Op::elementwise) return std::nullopt;
  const auto& instructions = node.attrs.get_expr(Attr::expr)->instructions();
  if (instructions.size() != 3 || instructions[0].op != ExprOp::Input ||
      instructions[1].op != ExprOp::Input || expr_op_arity(instructions[2].op) != 2)
    return std::nullopt;
  const auto operand = [&](int slot) {
    return node.inputs[instructions[instructions[2].operands[slot]].index];
  };
  return BinaryMatch{instructions[2].op, operand(0), operand(1)};
}

std::vector<float> channel_constant(const Graph& graph, ValueId id, const Shape& shape) {
  const Value& value = graph.value(id);
  if (!value.is_constant() || value.dtype != DType::F32 || shape.rank() == 0 ||
      value.shape.rank() > shape.rank())
    return {};
  const int64_t count = value.shape.elements(), channels = shape.back();
  if (count != 1 && (count != channels || value.shape.back() != channels)) return {};
  std::vector<float> result(static_cast<size_t>(channels));
  for (size_t c = 0; c < result.size(); ++c) result[c] = value.constant.as<float>()[count == 1 ? 0 : c];
  return result;
}

bool has_single_use(const Graph& graph, NodeId id, const std::vector<uint32_t>& uses) {
  const Node& node = graph.node(id);
  return node.outputs.size() == 1 && uses[node.outputs[0]] == 1;
}

}  // namespace linnet

#include "passes/match.h"

#include <algorithm>

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
  if (!value.constant.prepare()) return {};
  std::vector<float> result(static_cast<size_t>(channels));
  for (size_t c = 0; c < result.size(); ++c) result[c] = value.constant.as<float>()[count == 1 ? 0 : c];
  return result;
}

bool has_single_use(const Graph& graph, NodeId id, const std::vector<uint32_t>& uses) {
  const Node& node = graph.node(id);
  return node.outputs.size() == 1 && uses[node.outputs[0]] == 1;
}

bool uses_input(const Expr& expr, size_t slot) {
  const auto& all = expr.instructions();
  return std::any_of(all.begin(), all.end(), [slot](const Expr::Instruction& instruction) {
    return instruction.op == ExprOp::Input && instruction.index == slot;
  });
}

bool is_all_f32(const Graph& graph, const Node& node) {
  for (ValueId input : node.inputs)
    if (graph.value(input).dtype != DType::F32) return false;
  return graph.value(node.outputs[0]).dtype == DType::F32;
}

namespace {

// How often `node` has `value` as an operand.
uint32_t operand_count(const Node& node, ValueId value) {
  return static_cast<uint32_t>(std::count(node.inputs.begin(), node.inputs.end(), value));
}

}  // namespace

size_t best_operand(const Graph& graph, NodeId id, const std::vector<uint32_t>& uses,
                    bool (*accepts)(const Graph&, const Node&)) {
  const Node& node = graph.node(id);
  size_t best = node.inputs.size();
  for (size_t slot = 0; slot < node.inputs.size(); ++slot) {
    const Value& value = graph.value(node.inputs[slot]);
    if (value.producer == kNone || uses[node.inputs[slot]] != operand_count(node, node.inputs[slot]))
      continue;
    if (!(value.shape == graph.value(node.outputs[0]).shape) || value.dtype != DType::F32) continue;
    if (!uses_input(*node.attrs.get_expr(Attr::expr), slot)) continue;
    if (!accepts(graph, graph.node(value.producer))) continue;
    if (best == node.inputs.size() || graph.value(node.inputs[best]).producer < value.producer) best = slot;
  }
  return best;
}

}  // namespace linnet

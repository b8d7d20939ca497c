#include <algorithm>

#include "graph/op_def.h"
#include "passes/match.h"
#include "passes/passes.h"

namespace linnet {

namespace {

// Do operands `ids` together broadcast to `shape`, no operand left out?
bool span_shape(const Graph& graph, std::span<const ValueId> ids, const Shape& shape) {
  if (ids.empty()) return false;
  Shape joined = graph.value(ids[0]).shape;
  for (ValueId id : ids.subspan(1)) {
    auto next = broadcast_shapes(joined, graph.value(id).shape, "operands");
    if (!next) return false;
    joined = *next;
  }
  return joined == shape;
}

bool uses_input(const Expr& expr, size_t slot) {
  const auto& all = expr.instructions();
  return std::any_of(all.begin(), all.end(), [slot](const Expr::Instruction& instruction) {
    return instruction.op == ExprOp::Input && instruction.index == slot;
  });
}

// Keeps each operand once, and of those that the expression does not use none, unless the result owes its
// shape to it.
void compact_inputs(const Graph& graph, Node& node) {
  const Expr expr = *node.attrs.get_expr(Attr::expr);
  for (const bool keep_unused : {false, true}) {
    std::vector<int> map(node.inputs.size(), 0);
    std::vector<ValueId> inputs;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (!keep_unused && !uses_input(expr, i)) continue;
      const auto found = std::find(inputs.begin(), inputs.end(), node.inputs[i]);
      map[i] = static_cast<int>(found - inputs.begin());
      if (found == inputs.end()) inputs.push_back(node.inputs[i]);
    }
    if (!span_shape(graph, inputs, graph.value(node.outputs[0]).shape)) continue;
    node.inputs = std::move(inputs);
    node.attrs.set(Attr::expr, expr.with_inputs(map));
    return;
  }
}

// Gives `node` the operands `inputs` less `slot`, which `expr` does not use.
void set_without(Node& node, std::vector<ValueId> inputs, size_t slot, const Expr& expr) {
  std::vector<int> map;
  for (size_t i = 0; i < inputs.size(); ++i) map.push_back(static_cast<int>(i > slot ? i - 1 : i));
  inputs.erase(inputs.begin() + static_cast<std::ptrdiff_t>(slot));
  node.attrs.set(Attr::expr, expr.with_inputs(map));
  node.inputs = std::move(inputs);
}

// Scalar f32 constants become part of the expression, as long as the operands left still span the result's
// shape.
Result<int> inline_scalars(Graph& graph, NodeId id) {
  Node& node = graph.node(id);
  int inlined = 0;
  for (size_t slot = 0; slot < node.inputs.size(); ++slot) {
    const Value& value = graph.value(node.inputs[slot]);
    if (!value.is_constant() || value.dtype != DType::F32 || value.shape.elements() != 1 ||
        node.inputs.size() < 2)
      continue;
    std::vector<ValueId> rest = node.inputs;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(slot));
    if (!span_shape(graph, rest, graph.value(node.outputs[0]).shape)) continue;
    auto expr = Expr::compose(*node.attrs.get_expr(Attr::expr), static_cast<int>(slot),
                              Expr::constant(value.constant.as<float>()[0]), {});
    if (!expr) continue;
    set_without(node, node.inputs, slot--, *expr);
    ++inlined;
  }
  return inlined;
}

// How often `node` has `value` as an operand.
uint32_t operand_count(const Node& node, ValueId value) {
  return static_cast<uint32_t>(std::count(node.inputs.begin(), node.inputs.end(), value));
}

// Substitutes the elementwise producer of operand `slot` into elementwise node `id`.
bool fuse_producer(Graph& graph, NodeId id, size_t slot) {
  Node& node = graph.node(id);
  const ValueId operand = node.inputs[slot];
  const Node& producer = graph.node(graph.value(operand).producer);
  std::vector<ValueId> inputs = node.inputs;
  std::vector<int> map;
  for (ValueId input : producer.inputs) {
    const auto found = std::find(inputs.begin(), inputs.end(), input);
    map.push_back(static_cast<int>(found - inputs.begin()));
    if (found == inputs.end()) inputs.push_back(input);
  }
  if (inputs.size() > static_cast<size_t>(Expr::kMaxInputs)) return false;
  auto expr = Expr::compose(*node.attrs.get_expr(Attr::expr), static_cast<int>(slot),
                            *producer.attrs.get_expr(Attr::expr), map);
  if (!expr) return false;
  set_without(node, std::move(inputs), slot, *expr);
  compact_inputs(graph, node);
  return true;
}

// Makes elementwise node `id` the epilogue of the structured op that produces operand `slot`.
Result<bool> fuse_epilogue(Graph& graph, NodeId id, size_t slot) {
  const Node user = graph.node(id);
  const ValueId operand = user.inputs[slot];
  const NodeId producer_id = graph.value(operand).producer;
  Node producer = graph.node(producer_id);
  const Expr before =
      producer.attrs.has(Attr::epilogue) ? *producer.attrs.get_expr(Attr::epilogue) : Expr::input(0);
  const bool has_extra = user.inputs.size() > 1;
  const OpDef& def = op_def(producer.op);
  if (has_extra && static_cast<int>(producer.inputs.size()) < def.max_inputs) {
    // Operands of the epilogue come after all of the op's own, so the bias has to be there.
    const int64_t channels = graph.value(operand).shape.back();
    TRY_ASSIGN(Tensor zeros, Tensor::zeros(DType::F32, Shape{channels}));
    producer.inputs.push_back(graph.add_constant(producer.name + "/bias", std::move(zeros)));
  }
  const size_t own = std::min(producer.inputs.size(), static_cast<size_t>(def.max_inputs));
  std::vector<int> map(user.inputs.size());
  for (size_t i = 0; i < user.inputs.size(); ++i) {
    if (i == slot) continue;
    map[i] = static_cast<int>(producer.inputs.size() - own) + 1;
    producer.inputs.push_back(user.inputs[i]);
  }
  // The user's other operands get their new numbers first, the slot one that is free, then $slot becomes
  // `before`.
  const int free_slot = static_cast<int>(producer.inputs.size() - own) + 1;
  map[slot] = free_slot;
  if (free_slot >= Expr::kMaxInputs) return false;
  const Expr outer = user.attrs.get_expr(Attr::expr)->with_inputs(map);
  std::vector<int> keep(static_cast<size_t>(Expr::kMaxInputs));
  for (size_t i = 0; i < keep.size(); ++i) keep[i] = static_cast<int>(i);
  auto epilogue = Expr::compose(outer, free_slot, before, keep);
  if (!epilogue) return false;
  producer.attrs.set(Attr::epilogue, std::move(*epilogue));
  graph.node(producer_id).inputs = std::move(producer.inputs);
  graph.node(producer_id).attrs = std::move(producer.attrs);
  graph.replace_uses(user.outputs[0], operand);
  return true;
}

bool is_f32(const Graph& graph, const Node& node) {
  for (ValueId input : node.inputs)
    if (graph.value(input).dtype != DType::F32) return false;
  return graph.value(node.outputs[0]).dtype == DType::F32;
}

// The operand of `id` best fused: produced by an op that `accepts`, of the result's shape, and used by `id`
// alone. Of several the last computed, so that the others are there when it runs.
template <class Accepts>
size_t best_operand(const Graph& graph, NodeId id, const std::vector<uint32_t>& uses, Accepts accepts) {
  const Node& node = graph.node(id);
  size_t best = node.inputs.size();
  for (size_t slot = 0; slot < node.inputs.size(); ++slot) {
    const Value& value = graph.value(node.inputs[slot]);
    if (value.producer == kNone || uses[node.inputs[slot]] != operand_count(node, node.inputs[slot]))
      continue;
    if (!(value.shape == graph.value(node.outputs[0]).shape) || value.dtype != DType::F32) continue;
    if (!uses_input(*node.attrs.get_expr(Attr::expr), slot)) continue;
    if (!accepts(graph.node(value.producer))) continue;
    if (best == node.inputs.size() || graph.value(node.inputs[best]).producer < value.producer) best = slot;
  }
  return best;
}

// Composes producers into elementwise node `id` until none is left that it alone uses; moves on to the node
// after it.
Result<int> fuse_chain(Graph& graph, NodeId* id) {
  const ValueId result = graph.node(*id).outputs[0];
  compact_inputs(graph, graph.node(*id));
  TRY_ASSIGN(int rewrites, inline_scalars(graph, *id));
  while (true) {
    const size_t slot = best_operand(graph, *id, graph.use_counts(), [&](const Node& producer) {
      return producer.op == Op::elementwise && is_f32(graph, producer);
    });
    if (slot == graph.node(*id).inputs.size() || !fuse_producer(graph, *id, slot)) break;
    ++rewrites;
    TRY(eliminate_dead_code(graph));
    *id = graph.value(result).producer;
  }
  ++*id;
  return rewrites;
}

// Fuses one elementwise node into an epilogue; false when there is none left.
Result<bool> fuse_one_epilogue(Graph& graph) {
  const std::vector<uint32_t> uses = graph.use_counts();
  for (NodeId id = 0; id < graph.node_count(); ++id) {
    if (graph.node(id).op != Op::elementwise || !is_f32(graph, graph.node(id))) continue;
    const size_t slot = best_operand(graph, id, uses, [](const Node& producer) {
      return (op_def(producer.op).traits & kTraitEpilogue) != 0;
    });
    if (slot == graph.node(id).inputs.size()) continue;
    TRY_ASSIGN(const bool fused, fuse_epilogue(graph, id, slot));
    if (!fused) continue;
    TRY(graph.sort());
    TRY(eliminate_dead_code(graph));
    return true;
  }
  return false;
}

}  // namespace

Result<int> fuse_elementwise(Graph& graph) {
  int rewrites = 0;
  for (NodeId id = 0; id < graph.node_count();) {
    if (graph.node(id).op != Op::elementwise || !is_f32(graph, graph.node(id))) {
      ++id;
      continue;
    }
    TRY_ASSIGN(const int fused, fuse_chain(graph, &id));
    rewrites += fused;
  }
  for (bool more = true; more; rewrites += more) {
    TRY_ASSIGN(more, fuse_one_epilogue(graph));
  }
  graph.drop_unused_constants();
  return rewrites;
}

}  // namespace linnet

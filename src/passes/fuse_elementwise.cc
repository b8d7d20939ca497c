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
    if (!value.constant.prepare()) continue;
    auto expr = Expr::compose(*node.attrs.get_expr(Attr::expr), static_cast<int>(slot),
                              Expr::constant(value.constant.as<float>()[0]), {});
    if (!expr) continue;
    set_without(node, node.inputs, slot--, *expr);
    ++inlined;
  }
  return inlined;
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

// Composes producers into elementwise node `id` until none is left that it alone uses; moves on to the node
// after it.
Result<int> fuse_chain(Graph& graph, NodeId* id) {
  const ValueId result = graph.node(*id).outputs[0];
  compact_inputs(graph, graph.node(*id));
  TRY_ASSIGN(int rewrites, inline_scalars(graph, *id));
  while (true) {
    const size_t slot =
        best_operand(graph, *id, graph.use_counts(), [](const Graph& all, const Node& producer) {
          return producer.op == Op::elementwise && is_all_f32(all, producer);
        });
    if (slot == graph.node(*id).inputs.size() || !fuse_producer(graph, *id, slot)) break;
    ++rewrites;
    TRY(eliminate_dead_code(graph));
    *id = graph.value(result).producer;
  }
  ++*id;
  return rewrites;
}

}  // namespace

Result<int> fuse_elementwise(Graph& graph) {
  int rewrites = 0;
  for (NodeId id = 0; id < graph.node_count();) {
    if (graph.node(id).op != Op::elementwise || !is_all_f32(graph, graph.node(id))) {
      ++id;
      continue;
    }
    TRY_ASSIGN(const int fused, fuse_chain(graph, &id));
    rewrites += fused;
  }
  graph.drop_unused_constants();
  return rewrites;
}

}  // namespace linnet

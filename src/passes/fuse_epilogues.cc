#include <algorithm>

#include "graph/op_def.h"
#include "passes/match.h"
#include "passes/passes.h"

namespace linnet {

namespace {

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

// Kernels see a result as rows of its innermost axis: does `operand` change with all of the other axes, or
// none?
bool is_seen_by_rows(const Shape& operand, const Shape& result) {
  bool dense = true, ones = true;
  for (int i = 1; i < result.rank(); ++i) {
    const int32_t size = i < operand.rank() ? operand.back(i) : 1;
    dense = dense && size == result.back(i);
    ones = ones && size == 1;
  }
  return dense || ones;
}

// Fuses one elementwise node into an epilogue; false when there is none left.
Result<bool> fuse_one_epilogue(Graph& graph) {
  const std::vector<uint32_t> uses = graph.use_counts();
  for (NodeId id = 0; id < graph.node_count(); ++id) {
    if (graph.node(id).op != Op::elementwise || !is_all_f32(graph, graph.node(id))) continue;
    const size_t slot = best_operand(graph, id, uses, [](const Graph&, const Node& producer) {
      return (op_def(producer.op).traits & kTraitEpilogue) != 0;
    });
    const Shape& result = graph.value(graph.node(id).outputs[0]).shape;
    const auto& inputs = graph.node(id).inputs;
    if (slot == inputs.size() || !std::ranges::all_of(inputs, [&](ValueId input) {
          return is_seen_by_rows(graph.value(input).shape, result);
        }))
      continue;
    TRY_ASSIGN(const bool fused, fuse_epilogue(graph, id, slot));
    if (!fused) continue;
    TRY(graph.sort());
    TRY(eliminate_dead_code(graph));
    return true;
  }
  return false;
}

}  // namespace

Result<int> fuse_epilogues(Graph& graph) {
  int rewrites = 0;
  for (bool more = true; more; rewrites += more) {
    TRY_ASSIGN(more, fuse_one_epilogue(graph));
  }
  graph.drop_unused_constants();
  return rewrites;
}

}  // namespace linnet

#include <cmath>

#include "passes/match.h"
#include "passes/passes.h"

namespace linnet {

namespace {

Result<void> rewrite(Graph& graph, NodeId id, const Shape& shape) {
  const Node node = graph.node(id);
  const auto channels = [&](size_t input) { return channel_constant(graph, node.inputs[input], shape); };
  const std::vector<float> gamma = channels(1), beta = channels(2), mean = channels(3),
                           variance = channels(4);
  const double epsilon = static_cast<double>(node.attrs.get_float(Attr::epsilon, 0));
  std::vector<float> scale(gamma.size()), shift(gamma.size());
  for (size_t c = 0; c < gamma.size(); ++c) {
    const double factor =
        static_cast<double>(gamma[c]) / std::sqrt(static_cast<double>(variance[c]) + epsilon);
    scale[c] = static_cast<float>(factor);
    shift[c] = static_cast<float>(static_cast<double>(beta[c]) - static_cast<double>(mean[c]) * factor);
  }
  const Shape vector{static_cast<int64_t>(gamma.size())};
  TRY_ASSIGN(Tensor scale_tensor, Tensor::of_f32(vector, scale));
  TRY_ASSIGN(Tensor shift_tensor, Tensor::of_f32(vector, shift));
  const ValueId scale_id = graph.add_constant(node.name + "/scale", std::move(scale_tensor));
  const ValueId shift_id = graph.add_constant(node.name + "/shift", std::move(shift_tensor));
  const Expr x = Expr::input(0), y = Expr::input(1);
  Attrs multiply, add;
  multiply.set(Attr::expr, Expr::apply(ExprOp::mul, {&x, &y}));
  add.set(Attr::expr, Expr::apply(ExprOp::add, {&x, &y}));
  TRY_ASSIGN(const ValueId scaled,
             graph.add(Op::elementwise, node.name + "/scaled", {node.inputs[0], scale_id}, multiply));
  TRY_ASSIGN(const ValueId shifted,
             graph.add(Op::elementwise, node.name + "/shifted", {scaled, shift_id}, add));
  graph.replace_uses(node.outputs[0], shifted);
  return {};
}

}  // namespace

Result<int> fold_batch_norm(Graph& graph) {
  int rewrites = 0;
  const NodeId count = static_cast<NodeId>(graph.node_count());
  for (NodeId id = 0; id < count; ++id) {
    if (graph.node(id).op != Op::batch_norm) continue;
    const Shape shape = graph.value(graph.node(id).outputs[0]).shape;
    bool constant = true;
    for (size_t i = 1; i < 5; ++i)
      constant = constant && !channel_constant(graph, graph.node(id).inputs[i], shape).empty();
    if (!constant) continue;
    TRY(rewrite(graph, id, shape));
    ++rewrites;
  }
  TRY(graph.sort());
  TRY(eliminate_dead_code(graph));
  graph.drop_unused_constants();
  return rewrites;
}

}  // namespace linnet

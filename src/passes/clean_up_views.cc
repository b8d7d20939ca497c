#include "passes/passes.h"

namespace linnet {

Result<int> clean_up_views(Graph& graph) {
  int rewrites = 0;
  for (NodeId id = 0; id < graph.node_count(); ++id) {
    Node& node = graph.node(id);
    if (node.op != Op::identity && node.op != Op::reshape) continue;
    const NodeId producer = graph.value(node.inputs[0]).producer;
    const bool joined = producer != kNone && graph.node(producer).op == Op::reshape;
    // -1 in the attribute stands for a size that depends on the operand alone: it stays right.
    if (joined) node.inputs[0] = graph.node(producer).inputs[0];
    const bool unchanged = graph.value(node.inputs[0]).shape == graph.value(node.outputs[0]).shape;
    if (unchanged) graph.replace_uses(node.outputs[0], node.inputs[0]);
    rewrites += joined || unchanged;
  }
  TRY(eliminate_dead_code(graph));
  return rewrites;
}

}  // namespace linnet

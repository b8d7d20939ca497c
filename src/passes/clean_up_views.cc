#include "passes/passes.h"

namespace linnet {

Result<int> clean_up_views(Graph& graph) {
  int rewrites = 0;
  for (NodeId id = 0; id < graph.node_count(); ++id) {
    Node& node = graph.node(id);
    if (node.op != Op::identity && node.op != Op::reshape) continue;
    const ValueId input = node.inputs[0];
    if (graph.value(input).shape == graph.value(node.outputs[0]).shape) {
      graph.replace_uses(node.outputs[0], input);
      ++rewrites;
      continue;
    }
    const NodeId producer = graph.value(input).producer;
    if (producer == kNone || graph.node(producer).op != Op::reshape) continue;
    // -1 in the attribute stands for a size that depends on the operand alone: it stays right.
    node.inputs[0] = graph.node(producer).inputs[0];
    ++rewrites;
  }
  TRY(eliminate_dead_code(graph));
  return rewrites;
}

}  // namespace linnet

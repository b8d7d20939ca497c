#include <map>

#include "passes/passes.h"

namespace linnet {

Result<int> eliminate_common_subexpressions(Graph& graph) {
  int rewrites = 0;
  // Nodes of one op over the same operands; few share a key, so attributes are compared in turn.
  std::map<std::pair<Op, std::vector<ValueId>>, std::vector<NodeId>> seen;
  for (NodeId id = 0; id < graph.node_count(); ++id) {
    const Node& node = graph.node(id);
    std::vector<NodeId>& candidates = seen[{node.op, node.inputs}];
    NodeId same = kNone;
    for (NodeId candidate : candidates)
      if (graph.node(candidate).attrs == node.attrs) same = candidate;
    if (same == kNone) {
      candidates.push_back(id);
      continue;
    }
    for (size_t i = 0; i < node.outputs.size(); ++i)
      graph.replace_uses(node.outputs[i], graph.node(same).outputs[i]);
    ++rewrites;
  }
  TRY(eliminate_dead_code(graph));
  return rewrites;
}

}  // namespace linnet

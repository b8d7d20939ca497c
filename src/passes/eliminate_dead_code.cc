#include "passes/passes.h"

namespace linnet {

Result<int> eliminate_dead_code(Graph& graph) {
  std::vector<bool> live(graph.value_count());
  for (const GraphPort& port : graph.outputs) live[port.value] = true;
  const auto is_live = [&](const Node& node) {
    for (ValueId output : node.outputs)
      if (live[output]) return true;
    return false;
  };
  for (size_t i = graph.node_count(); i-- > 0;) {
    const Node& node = graph.node(static_cast<NodeId>(i));
    if (!is_live(node)) continue;
    for (ValueId input : node.inputs) live[input] = true;
  }
  const size_t before = graph.node_count();
  graph.remove_nodes([&](const Node& node) { return !is_live(node); });
  return static_cast<int>(before - graph.node_count());
}

}  // namespace linnet

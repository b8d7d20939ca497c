#include "compress/resize_input.h"

namespace linnet {

Result<Graph> resize_input(const Graph& graph, int32_t height, int32_t width) {
  Graph result;
  std::vector<ValueId> map(graph.value_count(), kNone);
  for (const GraphPort& port : graph.inputs) {
    const Value& value = graph.value(port.value);
    map[port.value] = result.add_input(value.name, value.dtype, Shape{1, height, width, value.shape.back()});
    result.inputs.push_back({port.name, map[port.value]});
  }
  const auto moved = [&](ValueId id) {
    if (map[id] == kNone) map[id] = result.add_constant(graph.value(id).name, graph.value(id).constant);
    return map[id];
  };
  for (const Node& node : graph.nodes()) {
    std::vector<ValueId> operands;
    for (ValueId id : node.inputs) operands.push_back(moved(id));
    TRY_ASSIGN(const NodeId added, result.add_node(node.op, node.name, std::move(operands), node.attrs));
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      map[node.outputs[i]] = result.node(added).outputs[i];
      const std::string& name = graph.value(node.outputs[i]).name;
      if (result.value(map[node.outputs[i]]).name != name)
        result.rename_value(map[node.outputs[i]], result.unique_name(name));
    }
  }
  for (const GraphPort& port : graph.outputs) result.outputs.push_back({port.name, moved(port.value)});
  return result;
}

}  // namespace linnet

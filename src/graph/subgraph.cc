#include "graph/subgraph.h"

#include <algorithm>

namespace linnet {

namespace {

bool contains(const std::vector<ValueId>& values, ValueId id) {
  return std::find(values.begin(), values.end(), id) != values.end();
}

}  // namespace

Boundary boundary_of(const Graph& graph, NodeId first, NodeId last) {
  Boundary boundary;
  const auto is_inside = [&](NodeId id) { return id != kNone && id >= first && id <= last; };
  for (NodeId id = first; id <= last; ++id)
    for (ValueId input : graph.node(id).inputs)
      if (!graph.value(input).is_constant() && !is_inside(graph.value(input).producer) &&
          !contains(boundary.inputs, input))
        boundary.inputs.push_back(input);
  std::vector<bool> used(graph.value_count());
  for (NodeId id = 0; id < graph.node_count(); ++id)
    if (!is_inside(id))
      for (ValueId input : graph.node(id).inputs) used[input] = true;
  for (const GraphPort& port : graph.outputs) used[port.value] = true;
  for (NodeId id = first; id <= last; ++id)
    for (ValueId output : graph.node(id).outputs)
      if (used[output]) boundary.outputs.push_back(output);
  return boundary;
}

Graph extract_nodes(const Graph& graph, NodeId first, NodeId last) {
  const Boundary boundary = boundary_of(graph, first, last);
  Graph part;
  std::vector<ValueId> moved(graph.value_count(), kNone);
  const auto move = [&](ValueId id) {
    const Value& value = graph.value(id);
    if (moved[id] == kNone)
      moved[id] = value.is_constant() ? part.add_constant(value.name, value.constant)
                                      : part.add_input(value.name, value.dtype, value.shape);
    return moved[id];
  };
  for (ValueId id : boundary.inputs) part.inputs.push_back({graph.value(id).name, move(id)});
  for (NodeId id = first; id <= last; ++id) {
    Node node = graph.node(id);
    for (std::vector<ValueId>* values : {&node.inputs, &node.outputs})
      for (ValueId& value : *values) value = move(value);
    part.append_node(std::move(node));
  }
  for (ValueId id : boundary.outputs) part.outputs.push_back({graph.value(id).name, moved[id]});
  return part;
}

}  // namespace linnet

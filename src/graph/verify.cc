#include "graph/verify.h"

#include <algorithm>

#include "graph/op_def.h"

namespace linnet {

namespace {

bool produces(const Graph& graph, NodeId node, ValueId value) {
  if (node >= graph.node_count()) return false;
  const std::vector<ValueId>& outputs = graph.node(node).outputs;
  return std::find(outputs.begin(), outputs.end(), value) != outputs.end();
}

Result<void> verify_node(const Graph& graph, NodeId id, std::vector<bool>& defined) {
  const Node& node = graph.node(id);
  for (ValueId input : node.inputs) {
    if (input >= graph.value_count())
      return fail(ErrorCode::MissingNode, "%s uses value %u, which does not exist", describe(node).c_str(),
                  input);
    if (!defined[input])
      return fail(ErrorCode::MissingNode, "%s uses '%s', which nothing defines before it",
                  describe(node).c_str(), graph.value(input).name.c_str());
  }
  if (node.outputs.size() != static_cast<size_t>(op_def(node.op).outputs))
    return fail(ErrorCode::MalformedModel, "%s has %zu results", describe(node).c_str(), node.outputs.size());
  std::vector<Value> inferred;
  for (ValueId output : node.outputs) {
    if (output >= graph.value_count() || graph.value(output).producer != id || defined[output])
      return fail(ErrorCode::MalformedModel, "%s does not own its result", describe(node).c_str());
    inferred.push_back({graph.value(output).name, DType::F32, {}, id, {}});
  }
  std::vector<Value*> results;
  for (Value& value : inferred) results.push_back(&value);
  TRY(infer_node(graph, node, results));
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const Value& stored = graph.value(node.outputs[i]);
    if (stored.dtype != inferred[i].dtype || !(stored.shape == inferred[i].shape))
      return fail(ErrorCode::ShapeMismatch, "%s: result %zu is stored as %s%s but is %s%s",
                  describe(node).c_str(), i, dtype_name(stored.dtype), stored.shape.to_string().c_str(),
                  dtype_name(inferred[i].dtype), inferred[i].shape.to_string().c_str());
    defined[node.outputs[i]] = true;
  }
  return {};
}

}  // namespace

Result<void> verify(const Graph& graph) {
  std::vector<bool> defined(graph.value_count());
  for (const GraphPort& port : graph.inputs) {
    if (port.value >= graph.value_count() || graph.value(port.value).producer != kNone ||
        graph.value(port.value).is_constant())
      return fail(ErrorCode::MalformedModel, "input '%s' is not an input value", port.name.c_str());
    if (defined[port.value])
      return fail(ErrorCode::MalformedModel, "input '%s' names a value that another input has",
                  port.name.c_str());
    defined[port.value] = true;
  }
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Value& value = graph.value(id);
    if (graph.find_value(value.name) != id)
      return fail(ErrorCode::MalformedModel, "two values are called '%s'", value.name.c_str());
    if (!value.is_constant()) continue;
    if (value.constant.dtype() != value.dtype || !(value.constant.shape() == value.shape))
      return fail(ErrorCode::ShapeMismatch, "constant '%s' does not have its value's type",
                  value.name.c_str());
    defined[id] = true;
  }
  for (NodeId id = 0; id < graph.node_count(); ++id) TRY(verify_node(graph, id, defined));
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Value& value = graph.value(id);
    if (value.producer != kNone && !produces(graph, value.producer, id))
      return fail(ErrorCode::MalformedModel, "'%s' is said to come from a node that does not produce it",
                  value.name.c_str());
  }
  if (graph.outputs.empty()) return fail(ErrorCode::MalformedModel, "the graph has no outputs");
  for (const GraphPort& port : graph.outputs)
    if (port.value >= graph.value_count() || !defined[port.value])
      return fail(ErrorCode::MissingNode, "output '%s' is not computed", port.name.c_str());
  return {};
}

}  // namespace linnet

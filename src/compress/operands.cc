#include "compress/operands.h"

namespace linnet {

void set_operand(Graph& graph, NodeId id, size_t index, const std::string& name, Tensor tensor) {
  std::vector<ValueId>& inputs = graph.node(id).inputs;
  if (index == inputs.size()) {
    const ValueId added = graph.add_constant(name, std::move(tensor));
    graph.node(id).inputs.push_back(added);
    return;
  }
  const ValueId old = inputs[index];
  if (graph.use_counts()[old] == 1 && graph.value(old).is_constant() &&
      graph.value(old).shape == tensor.shape()) {
    graph.value(old).constant = std::move(tensor);
    return;
  }
  const ValueId added = graph.add_constant(graph.value(old).name, std::move(tensor));
  graph.node(id).inputs[index] = added;
}

}  // namespace linnet

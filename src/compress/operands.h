// Changing the constants that a node reads.
#pragma once

#include "graph/graph.h"

namespace linnet {

// Has node `id` read `tensor` as operand `index`, an operand more where it is one past the last. The constant
// that was there keeps its name with the new elements where nothing else uses it; else a new one is called
// `name`.
void set_operand(Graph& graph, NodeId id, size_t index, const std::string& name, Tensor tensor);

}  // namespace linnet

// Checks what every pass must keep true.
#pragma once

#include "graph/graph.h"

namespace linnet {

// Ids in range, one producer per value, nodes in order, arity and attributes as the op declares, names
// unique, stored types equal to inferred ones, ports valid. The message names the node.
Result<void> verify(const Graph& graph);

}  // namespace linnet

// A part of a graph as a graph of its own.
#pragma once

#include <vector>

#include "graph/graph.h"

namespace linnet {

// What nodes first ... last of a graph take from outside and give to it: values that are no constants, each
// once, in the order of their first use, and results that other nodes or outputs use.
struct Boundary {
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
};
Boundary boundary_of(const Graph& graph, NodeId first, NodeId last);

// The nodes first ... last, with the ports that boundary_of lists, named by their values. Constants are
// shared.
Graph extract_nodes(const Graph& graph, NodeId first, NodeId last);

}  // namespace linnet

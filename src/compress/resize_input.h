// A graph for images of another size.
#pragma once

#include "graph/graph.h"

namespace linnet {

// `graph`, whose only input is an image [1,height,width,channels], for one of `height` x `width`. Nodes, in
// the same order, and constants are the same. Fails as Graph::add_node does, where a constant forbids the
// size.
Result<Graph> resize_input(const Graph& graph, int32_t height, int32_t width);

}  // namespace linnet

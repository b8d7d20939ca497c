// A graph as flat words, for another module of the engine: all but the elements of its constants.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace linnet {

// Values keep their numbers, nodes theirs; values lose their names. The facts of the ops that `own_inputs`
// and storage ask for come along.
std::vector<uint32_t> flatten_graph(const Graph& graph);

// An op as flat words tell of it.
struct FlatOp {
  int32_t max_inputs;
  uint32_t traits;
};

struct FlatGraph {
  Graph graph;
  // By value: the buffer behind a constant, to be filled before its elements are read; null for others.
  std::vector<std::shared_ptr<Buffer>> constants;
  std::vector<FlatOp> ops;  // by Op
};

// Fails with MalformedPlan for words that flatten_graph did not write.
Result<FlatGraph> unflatten_graph(std::span<const uint32_t> words);

}  // namespace linnet

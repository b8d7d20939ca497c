#include "passes/passes.h"
#include "passes/quantize_weights.h"

namespace linnet {

namespace {

Result<void> rewrite(Graph& graph, NodeId id) {
  const Node node = graph.node(id);
  Node bare = node;
  bare.inputs.resize(2);
  TRY_ASSIGN(const QuantizedWeights weights, quantize_weights(graph, bare, 1, 1));
  Node& product = graph.node(id);
  product.op = Op::dynamic_matmul;
  product.attrs = {};
  product.inputs = {node.inputs[0], weights.weights, weights.multiplier};
  product.inputs.insert(product.inputs.end(), node.inputs.begin() + 2, node.inputs.end());
  // Weights of a large model do not stand in memory twice.
  graph.drop_unused_constants();
  return {};
}

}  // namespace

Result<int> quantize_rows(Graph& graph) {
  int rewrites = 0;
  for (NodeId id = 0; id < graph.node_count(); ++id) {
    const auto range = graph.ranges.find(graph.value(graph.node(id).outputs[0]).name);
    if (range == graph.ranges.end() || !range->second.dynamic) continue;
    if (!rows_are_quantizable(graph, graph.node(id))) continue;
    TRY(rewrite(graph, id));
    ++rewrites;
  }
  // The next pass is to see measured ranges alone.
  std::erase_if(graph.ranges, [](const auto& entry) { return entry.second.dynamic; });
  return rewrites;
}

}  // namespace linnet

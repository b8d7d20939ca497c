#include <algorithm>

#include "graph/op_def.h"
#include "passes/passes.h"

namespace linnet {

namespace {

// A constant is worth its bytes only while it stays small beside the weights.
constexpr int64_t kMaxFoldedBytes = int64_t{16} << 20;

// Nor is it worth minutes of the plain reference kernels: windows over constants stay where they are.
constexpr int64_t kMaxFoldedMacs = 50'000'000;

bool is_cheap(const Graph& graph, const Node& node) {
  return node.op != Op::avg_pool && node.op != Op::max_pool && node_macs(graph, node) <= kMaxFoldedMacs;
}

bool is_foldable(const Graph& graph, const Node& node) {
  for (ValueId input : node.inputs)
    if (!graph.value(input).is_constant()) return false;
  for (ValueId output : node.outputs) {
    const Value& value = graph.value(output);
    if (value.shape.elements() * static_cast<int64_t>(dtype_size(value.dtype)) > kMaxFoldedBytes)
      return false;
  }
  return !node.inputs.empty() && is_cheap(graph, node);
}

Result<void> fold(Graph& graph, const Node& node) {
  std::vector<TensorView> inputs, outputs;
  std::vector<Tensor> results;
  for (ValueId input : node.inputs) inputs.push_back(graph.value(input).constant.view());
  for (ValueId output : node.outputs) {
    TRY_ASSIGN(Tensor tensor, Tensor::zeros(graph.value(output).dtype, graph.value(output).shape));
    outputs.push_back(tensor.view());
    results.push_back(std::move(tensor));
  }
  run_reference(node, inputs, outputs);
  for (size_t i = 0; i < results.size(); ++i) graph.value(node.outputs[i]).constant = std::move(results[i]);
  return {};
}

}  // namespace

Result<int> fold_constants(Graph& graph) {
  int rewrites = 0;
  for (const Node& node : graph.nodes()) {
    if (!is_foldable(graph, node)) continue;
    TRY(fold(graph, node));
    ++rewrites;
  }
  graph.remove_nodes([&](const Node& node) { return graph.value(node.outputs[0]).is_constant(); });
  graph.drop_unused_constants();
  return rewrites;
}

}  // namespace linnet

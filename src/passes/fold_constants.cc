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

// Where an operand has yet to be computed, so has the result.
bool can_wait(const Graph& graph, const Node& node) {
  const Tensor& first = graph.value(node.inputs[0]).constant;
  const Value& result = graph.value(node.outputs[0]);
  return node.op == Op::elementwise && first.is_lazy() && first.dtype() == result.dtype &&
         first.shape() == result.shape;
}

class Folded final : public Tensor::Source {
 public:
  Folded(const Graph& graph, const Node& node) : node_(node) {
    for (ValueId input : node.inputs) operands_.push_back(graph.value(input).constant);
  }

  // The result takes the first operand's memory.
  Result<Buffer> elements() const override {
    const DType dtype = operands_[0].dtype();
    const Shape shape = operands_[0].shape();
    TRY_ASSIGN(Buffer buffer, Tensor(operands_[0]).take());
    const TensorView out{dtype, shape, buffer.data()};
    std::vector<TensorView> inputs{out};
    for (size_t i = 1; i < operands_.size(); ++i) inputs.push_back(operands_[i].view());
    run_reference(node_, inputs, {&out, 1});
    return buffer;
  }

 private:
  Node node_;
  std::vector<Tensor> operands_;
};

// `waiting`: how many folds each constant waits for.
Result<void> fold(Graph& graph, const Node& node, std::vector<int>& waiting) {
  // They compute each other, and a model may have any number.
  constexpr int kMostWaiting = 8;
  if (waiting[node.inputs[0]] < kMostWaiting && can_wait(graph, node)) {
    for (size_t i = 1; i < node.inputs.size(); ++i) TRY(graph.value(node.inputs[i]).constant.prepare());
    Value& result = graph.value(node.outputs[0]);
    waiting[node.outputs[0]] = waiting[node.inputs[0]] + 1;
    result.constant = Tensor::lazy(result.dtype, result.shape, std::make_unique<Folded>(graph, node));
    return {};
  }
  std::vector<TensorView> inputs, outputs;
  std::vector<Tensor> results;
  for (ValueId input : node.inputs) {
    TRY(graph.value(input).constant.prepare());
    inputs.push_back(graph.value(input).constant.view());
  }
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
  std::vector<int> waiting(graph.value_count());
  for (const Node& node : graph.nodes()) {
    if (!is_foldable(graph, node)) continue;
    TRY(fold(graph, node, waiting));
    ++rewrites;
  }
  graph.remove_nodes([&](const Node& node) { return graph.value(node.outputs[0]).is_constant(); });
  graph.drop_unused_constants();
  return rewrites;
}

}  // namespace linnet

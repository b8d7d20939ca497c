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

// A node over a lazy operand, whose one result is computed when it is read.
class Folded final : public Tensor::Source {
 public:
  Folded(const Graph& graph, const Node& node)
      : Source(graph.value(node.inputs[0]).constant),
        node_(node),
        shape_(graph.value(node.outputs[0]).shape),
        dtype_(graph.value(node.outputs[0]).dtype) {
    for (ValueId input : node.inputs) operands_.push_back(graph.value(input).constant);
  }

  Result<Buffer> elements() const override {
    const Tensor& first = operands_[0];
    TRY_ASSIGN(Buffer buffer, Tensor(first).take());
    std::vector<TensorView> inputs{{first.dtype(), first.shape(), buffer.data()}};
    for (size_t i = 1; i < operands_.size(); ++i) inputs.push_back(operands_[i].view());
    Buffer own;
    // Elementwise results take the first operand's memory.
    const bool in_place = node_.op == Op::elementwise && dtype_ == first.dtype() && shape_ == first.shape();
    Buffer& result = in_place ? buffer : own;
    if (!in_place) {
      TRY_ASSIGN(own, Buffer::allocate(static_cast<uint64_t>(shape_.elements()) * dtype_size(dtype_)));
    }
    const TensorView out{dtype_, shape_, result.data()};
    run_reference(node_, inputs, {&out, 1});
    return std::move(result);
  }

 private:
  Node node_;
  Shape shape_;
  DType dtype_;
  std::vector<Tensor> operands_;
};

// Whether the first operand is lazy and the others, which are held as long as the result is, are small.
bool can_wait(const Graph& graph, const Node& node) {
  constexpr size_t kMostHeldBytes = 65536;
  for (size_t i = 1; i < node.inputs.size(); ++i)
    if (graph.value(node.inputs[i]).constant.bytes() > kMostHeldBytes) return false;
  return node.outputs.size() == 1 && graph.value(node.inputs[0]).constant.can_wait();
}

Result<void> fold(Graph& graph, const Node& node) {
  if (can_wait(graph, node)) {
    for (size_t i = 1; i < node.inputs.size(); ++i) TRY(graph.value(node.inputs[i]).constant.prepare());
    Value& result = graph.value(node.outputs[0]);
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

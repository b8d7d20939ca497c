// What tests do with graphs: read text, run the reference of every node, compare results.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "graph/op_def.h"
#include "graph/text.h"
#include "graph/verify.h"

namespace linnet::testing {

// What `compute` gives, a function () -> Result<Buffer>.
template <class Compute>
class Computed final : public Tensor::Source {
 public:
  explicit Computed(Compute compute) : compute_(std::move(compute)) {}
  Result<Buffer> elements() const override { return compute_(); }

 private:
  Compute compute_;
};
template <class Compute>
Tensor lazy_tensor(DType dtype, const Shape& shape, Compute compute) {
  return Tensor::lazy(dtype, shape, std::make_unique<Computed<Compute>>(std::move(compute)));
}

template <class T>
std::string error_of(const Result<T>& result) {
  if (result) return "no error";
  return std::string(error_title(result.error().code())) + ": " + result.error().detail();
}

// The graph of text that must parse and verify.
inline Graph parse(std::string_view text) {
  auto graph = parse_graph(text);
  EXPECT_TRUE(graph) << error_of(graph) << "\n" << text;
  if (!graph) return {};
  EXPECT_TRUE(verify(*graph)) << error_of(verify(*graph)) << "\n" << text;
  return std::move(*graph);
}

// The elements of several tensors, as numbers.
using Values = std::vector<std::vector<double>>;

// Numbers in [low, high) for every input of `graph`; whole ones for whole-number types.
inline Values random_inputs(const Graph& graph, uint32_t seed = 1, double low = -2, double high = 2) {
  Values values;
  for (const GraphPort& port : graph.inputs) {
    const Value& value = graph.value(port.value);
    auto tensor = Tensor::zeros(value.dtype, value.shape);
    EXPECT_TRUE(tensor);
    fill_random_input(tensor->view(), seed++, low, high);
    std::vector<double>& elements = values.emplace_back();
    for (int64_t i = 0; i < value.shape.elements(); ++i) elements.push_back(tensor->at(i));
  }
  return values;
}

// Runs the reference of every node. `inputs` in the order of the graph's; the elements of each output.
inline Values run(const Graph& graph, const Values& inputs) {
  std::vector<Tensor> tensors(graph.value_count());
  const auto zeros = [&](ValueId id) {
    auto tensor = Tensor::zeros(graph.value(id).dtype, graph.value(id).shape);
    EXPECT_TRUE(tensor);
    return std::move(*tensor);
  };
  for (ValueId id = 0; id < graph.value_count(); ++id)
    if (graph.value(id).is_constant()) tensors[id] = graph.value(id).constant;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    Tensor tensor = zeros(graph.inputs[i].value);
    EXPECT_EQ(static_cast<size_t>(tensor.shape().elements()), inputs[i].size());
    for (size_t k = 0; k < inputs[i].size(); ++k)
      store_double(tensor.dtype(), tensor.mutable_data(), static_cast<int64_t>(k), inputs[i][k]);
    tensors[graph.inputs[i].value] = tensor;
  }
  for (const Node& node : graph.nodes()) {
    std::vector<TensorView> operands, results;
    for (ValueId id : node.inputs) operands.push_back(tensors[id].view());
    for (ValueId id : node.outputs) {
      tensors[id] = zeros(id);
      results.push_back(tensors[id].view());
    }
    run_reference(node, operands, results);
  }
  Values outputs;
  for (const GraphPort& port : graph.outputs) {
    const Tensor& tensor = tensors[port.value];
    std::vector<double>& elements = outputs.emplace_back();
    for (int64_t i = 0; i < tensor.shape().elements(); ++i) elements.push_back(tensor.at(i));
  }
  return outputs;
}

// The elements of the only output of the graph of `text`.
inline std::vector<double> run_text(std::string_view text, const Values& inputs = {}) {
  const Graph graph = parse(text);
  const Values outputs = run(graph, inputs);
  EXPECT_EQ(outputs.size(), 1u);
  return outputs.empty() ? std::vector<double>() : outputs[0];
}

// The largest difference relative to the range of `expected`, 0 included; infinity where NaN or infinity do
// not stand in the same places.
inline double difference(const std::vector<double>& expected, const std::vector<double>& found) {
  if (expected.size() != found.size()) return INFINITY;
  double low = 0, high = 0, worst = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double e = expected[i], f = found[i];
    if (!std::isfinite(e) || !std::isfinite(f)) {
      if (e != f && !(std::isnan(e) && std::isnan(f))) return INFINITY;
      continue;
    }
    low = std::min(low, e);
    high = std::max(high, e);
    worst = std::max(worst, std::abs(e - f));
  }
  return worst > 0 ? worst / (high - low) : 0;
}

inline void expect_near(const std::vector<double>& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-5) << "element " << i;
}

inline std::vector<double> iota(size_t count, double first = 0, double step = 1) {
  std::vector<double> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = first + static_cast<double>(i) * step;
  return values;
}

}  // namespace linnet::testing

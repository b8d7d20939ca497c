// Models that tests write themselves: model.json as text, weights as bytes, and the reference's answers for
// them.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "formats/tfjs/tfjs_model.h"
#include "graph/op_def.h"
#include "graph/text.h"
#include "graph/verify.h"

namespace linnet::testing {

template <class T>
std::string error_of(const Result<T>& result) {
  if (result) return "no error";
  return std::string(error_title(result.error().code())) + ": " + result.error().detail();
}

inline Result<Buffer> buffer_of(std::string_view bytes) {
  return Buffer::copy_of(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

inline std::string list_of(const std::vector<int64_t>& values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i) text += (i > 0 ? "," : "") + std::to_string(values[i]);
  return text + "]";
}

// Collects nodes and weights and prints model.json with one shard.
class ModelText {
 public:
  // `attrs` is JSON, `{}` where empty.
  ModelText& node(const std::string& name, const std::string& op, const std::vector<std::string>& inputs = {},
                  const std::string& attrs = "{}") {
    std::string list;
    for (const std::string& input : inputs) list += (list.empty() ? "\"" : ",\"") + input + "\"";
    separate(nodes_) +=
        R"({"name":")" + name + R"(","op":")" + op + R"(","input":[)" + list + R"(],"attr":)" + attrs + "}";
    return *this;
  }
  ModelText& placeholder(const std::string& name, const std::vector<int64_t>& dims,
                         const char* type = "DT_FLOAT") {
    std::string list;
    for (int64_t dim : dims)
      list += (list.empty() ? "" : ",") + (R"({"size":")" + std::to_string(dim) + "\"}");
    return node(
        name, "Placeholder", {},
        R"({"dtype":{"type":")" + std::string(type) + R"("},"shape":{"shape":{"dim":[)" + list + "]}}}");
  }
  // `more` is JSON text after the fields, such as `,"quantization":{...}`.
  ModelText& weight(const std::string& name, const std::string& dtype, const std::vector<int64_t>& shape,
                    std::string_view bytes, const std::string& more = "") {
    separate(weights_) +=
        R"({"name":")" + name + R"(","dtype":")" + dtype + R"(","shape":)" + list_of(shape) + more + "}";
    data += bytes;
    return *this;
  }
  ModelText& floats(const std::string& name, const std::vector<int64_t>& shape,
                    const std::vector<float>& values) {
    return weight(name, "float32", shape, bytes_of(values));
  }
  ModelText& ints(const std::string& name, const std::vector<int64_t>& shape,
                  const std::vector<int32_t>& values) {
    return weight(name, "int32", shape, bytes_of(values));
  }
  // A Const node and its weight.
  ModelText& constant(const std::string& name, const std::vector<int64_t>& shape,
                      const std::vector<float>& values) {
    return node(name, "Const").floats(name, shape, values);
  }
  ModelText& constant(const std::string& name, const std::vector<int32_t>& values) {
    return node(name, "Const").ints(name, {static_cast<int64_t>(values.size())}, values);
  }
  ModelText& scalar(const std::string& name, int32_t value) {
    return node(name, "Const").ints(name, {}, {value});
  }
  // Members of the root, such as `"signature":{...}`.
  ModelText& root(const std::string& members) {
    root_ += "," + members;
    return *this;
  }
  // In place of a graph's nodes.
  ModelText& topology(const std::string& text) {
    topology_ = text;
    return *this;
  }

  std::string json() const {
    const std::string topology = topology_.empty() ? R"({"node":[)" + nodes_ + "]}" : topology_;
    return R"({"modelTopology":)" + topology + root_ +
           R"(,"weightsManifest":[{"paths":["w.bin"],"weights":[)" + weights_ + "]}]}";
  }
  Result<Graph> import(const TfjsOptions& options = {}) const {
    TRY_ASSIGN(auto model, TfjsModel::parse(json()));
    TRY_ASSIGN(Buffer bytes, buffer_of(data));
    TRY(model->set_shard(0, std::move(bytes)));
    return model->to_graph(options);
  }

  std::string data;

 private:
  static std::string& separate(std::string& list) {
    if (!list.empty()) list += ",";
    return list;
  }
  std::string nodes_, weights_, root_, topology_;
};

inline std::string ints_attr(const char* key, const std::vector<int64_t>& values) {
  return std::string("\"") + key + R"(":{"list":{"i":)" + list_of(values) + "}}";
}

// The graph of a model that must import, verified.
inline Graph graph_of(const ModelText& model, const TfjsOptions& options = {}) {
  auto graph = model.import(options);
  EXPECT_TRUE(graph) << error_of(graph);
  if (!graph) return {};
  EXPECT_TRUE(verify(*graph)) << error_of(verify(*graph));
  return std::move(*graph);
}

inline std::string import_error(const ModelText& model, const TfjsOptions& options = {}) {
  return error_of(model.import(options));
}

// Runs the reference of every node. `inputs` in the order of the graph's; the elements of each output, as
// numbers.
inline std::vector<std::vector<double>> run(const Graph& graph,
                                            const std::vector<std::vector<double>>& inputs) {
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
    for (size_t k = 0; k < inputs[i].size(); ++k) {
      if (tensor.dtype() == DType::F32) tensor.mutable_as<float>()[k] = static_cast<float>(inputs[i][k]);
      if (tensor.dtype() == DType::I32) tensor.mutable_as<int32_t>()[k] = static_cast<int32_t>(inputs[i][k]);
      if (tensor.dtype() == DType::Bool) tensor.mutable_as<uint8_t>()[k] = inputs[i][k] != 0;
    }
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
  std::vector<std::vector<double>> outputs;
  for (const GraphPort& port : graph.outputs) {
    const Tensor& tensor = tensors[port.value];
    std::vector<double> values;
    for (int64_t i = 0; i < tensor.shape().elements(); ++i) values.push_back(tensor.at(i));
    outputs.push_back(std::move(values));
  }
  return outputs;
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

// Models that tests write themselves: model.json as text, weights as bytes, and the reference's answers for
// them.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "formats/tfjs/tfjs_model.h"
#include "graph/test_graph.h"

namespace linnet::testing {

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
    TRY(model->set_shard(0, bytes.bytes()));
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

}  // namespace linnet::testing

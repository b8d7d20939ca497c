// Collects the nodes and weights of a TensorFlow.js graph model.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "formats/tfjs/export.h"
#include "formats/tfjs/rapidjson.h"
#include "graph/graph.h"

namespace linnet {

// The attributes of one node, as model.json has them.
class NodeAttrs {
 public:
  NodeAttrs() { writer_.StartObject(); }
  NodeAttrs& type(const char* key, DType dtype);
  NodeAttrs& integer(const char* key, int64_t value);
  NodeAttrs& integers(const char* key, std::span<const int64_t> values);
  NodeAttrs& boolean(const char* key, bool value);
  NodeAttrs& real(const char* key, float value);
  NodeAttrs& text(const char* key, std::string_view value);
  NodeAttrs& shape(const char* key, const Shape& shape);
  // Of a Const: its type and shape; the elements are a weight.
  NodeAttrs& tensor(DType dtype, const Shape& shape);
  std::string finish() { return writer_.EndObject(), buffer_.GetString(); }

 private:
  friend class ExportWriter;
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

// "DT_FLOAT" ...; constants and results of i8, u8 and f16 are not part of exported graphs.
const char* tensorflow_type(DType dtype);

class ExportWriter {
 public:
  // A name that no node has yet, `wanted` if it is free; it is taken from then on.
  std::string take_name(std::string_view wanted);

  // Adds a node whose name was taken.
  void node(const std::string& name, const char* op, const std::vector<std::string>& inputs,
            NodeAttrs& attrs);
  void node(const std::string& name, const char* op, const std::vector<std::string>& inputs);
  // Adds a Const node and its weight, and gives its name.
  std::string constant(std::string_view wanted, const Tensor& tensor,
                       WeightStorage storage = WeightStorage::Full);
  std::string integers(std::string_view wanted, const Ints& values);
  std::string scalar(std::string_view wanted, float value);
  std::string whole_number(std::string_view wanted, int64_t value);
  // 8-bit codes from -127 to 127, stored as bytes that TensorFlow.js reads as those numbers in f32.
  std::string codes(std::string_view wanted, const Shape& shape, std::span<const int8_t> values);

  Result<TfjsExport> finish(const Graph& graph, const std::vector<std::string>& inputs,
                            const std::vector<std::string>& outputs, const TfjsExportOptions& options) &&;

 private:
  using Writer = rapidjson::Writer<rapidjson::StringBuffer>;
  struct Weight {
    std::string name;
    Shape shape;
    const char* dtype;
    WeightStorage storage;
    std::string bytes;
  };
  std::string listed(std::string_view wanted, DType dtype, const Shape& shape, std::string bytes);
  void const_node(const std::string& name, DType dtype, const Shape& shape);
  void write_signature(Writer& writer, const Graph& graph, const std::vector<std::string>& inputs,
                       const std::vector<std::string>& outputs) const;
  void write_manifest(Writer& writer, const std::vector<TfjsFile>& shards) const;
  std::vector<TfjsFile> cut_shards(uint64_t shard_bytes);

  std::vector<std::string> nodes_;  // JSON text
  std::vector<Weight> weights_;
  std::unordered_set<std::string> names_;
};

}  // namespace linnet

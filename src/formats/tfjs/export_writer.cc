#include "formats/tfjs/export_writer.h"

#include <algorithm>
#include <cstring>

#include "base/base64.h"
#include "base/format.h"
#include "base/half.h"

namespace linnet {

namespace {

constexpr const char* kFormat = "graph-model";

template <class Writer>
void write_shape(Writer& writer, const Shape& shape) {
  writer.StartObject();
  writer.Key("dim");
  writer.StartArray();
  for (const int32_t dim : shape.dims()) {
    writer.StartObject();
    writer.Key("size");
    writer.String(decimal(dim).c_str());
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
}

template <class Writer>
void write_text(Writer& writer, std::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

std::string half_bytes(const Tensor& tensor) {
  const auto count = static_cast<size_t>(tensor.shape().elements());
  std::string bytes(count * sizeof(uint16_t), '\0');
  for (size_t i = 0; i < count; ++i) {
    const uint16_t half = float_to_half(tensor.as<float>()[i]);
    std::memcpy(bytes.data() + i * sizeof half, &half, sizeof half);
  }
  return bytes;
}

}  // namespace

const char* tensorflow_type(DType dtype) {
  return dtype == DType::I32 ? "DT_INT32" : dtype == DType::Bool ? "DT_BOOL" : "DT_FLOAT";
}

NodeAttrs& NodeAttrs::type(const char* key, DType dtype) {
  writer_.Key(key);
  writer_.StartObject();
  writer_.Key("type");
  writer_.String(tensorflow_type(dtype));
  writer_.EndObject();
  return *this;
}

NodeAttrs& NodeAttrs::integer(const char* key, int64_t value) {
  writer_.Key(key);
  writer_.StartObject();
  writer_.Key("i");
  writer_.String(decimal(value).c_str());
  writer_.EndObject();
  return *this;
}

NodeAttrs& NodeAttrs::integers(const char* key, std::span<const int64_t> values) {
  writer_.Key(key);
  writer_.StartObject();
  writer_.Key("list");
  writer_.StartObject();
  writer_.Key("i");
  writer_.StartArray();
  for (const int64_t value : values) writer_.String(decimal(value).c_str());
  writer_.EndArray();
  writer_.EndObject();
  writer_.EndObject();
  return *this;
}

NodeAttrs& NodeAttrs::boolean(const char* key, bool value) {
  writer_.Key(key);
  writer_.StartObject();
  writer_.Key("b");
  writer_.Bool(value);
  writer_.EndObject();
  return *this;
}

NodeAttrs& NodeAttrs::real(const char* key, float value) {
  writer_.Key(key);
  writer_.StartObject();
  writer_.Key("f");
  writer_.Double(static_cast<double>(value));
  writer_.EndObject();
  return *this;
}

NodeAttrs& NodeAttrs::text(const char* key, std::string_view value) {
  writer_.Key(key);
  writer_.StartObject();
  writer_.Key("s");
  write_text(writer_, encode_base64(value));
  writer_.EndObject();
  return *this;
}

NodeAttrs& NodeAttrs::shape(const char* key, const Shape& shape) {
  writer_.Key(key);
  writer_.StartObject();
  writer_.Key("shape");
  write_shape(writer_, shape);
  writer_.EndObject();
  return *this;
}

NodeAttrs& NodeAttrs::tensor(DType dtype, const Shape& shape) {
  type("dtype", dtype);
  writer_.Key("value");
  writer_.StartObject();
  writer_.Key("tensor");
  writer_.StartObject();
  writer_.Key("dtype");
  writer_.String(tensorflow_type(dtype));
  writer_.Key("tensorShape");
  write_shape(writer_, shape);
  writer_.EndObject();
  writer_.EndObject();
  return *this;
}

std::string ExportWriter::take_name(std::string_view wanted) {
  // A colon would name one of several results.
  std::string base(wanted);
  std::ranges::replace(base, ':', '_');
  std::string name = base;
  for (int i = 1; !names_.insert(name).second; ++i) name = base + "_" + decimal(i);
  return name;
}

void ExportWriter::node(const std::string& name, const char* op, const std::vector<std::string>& inputs,
                        NodeAttrs& attrs) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("name");
  write_text(writer, name);
  writer.Key("op");
  writer.String(op);
  if (!inputs.empty()) {
    writer.Key("input");
    writer.StartArray();
    for (const std::string& input : inputs) write_text(writer, input);
    writer.EndArray();
  }
  writer.Key("attr");
  const std::string text = attrs.finish();
  writer.RawValue(text.data(), text.size(), rapidjson::kObjectType);
  writer.EndObject();
  nodes_.emplace_back(buffer.GetString(), buffer.GetSize());
}

void ExportWriter::node(const std::string& name, const char* op, const std::vector<std::string>& inputs) {
  NodeAttrs attrs;
  attrs.type("T", DType::F32);
  node(name, op, inputs, attrs);
}

void ExportWriter::const_node(const std::string& name, DType dtype, const Shape& shape) {
  NodeAttrs attrs;
  attrs.tensor(dtype, shape);
  node(name, "Const", {}, attrs);
}

std::string ExportWriter::constant(std::string_view wanted, const Tensor& tensor, WeightStorage storage) {
  const std::string name = take_name(wanted);
  const_node(name, tensor.dtype(), tensor.shape());
  const char* dtype = tensor.dtype() == DType::I32    ? "int32"
                      : tensor.dtype() == DType::Bool ? "bool"
                                                      : "float32";
  const bool half =
      storage == WeightStorage::Half && tensor.dtype() == DType::F32 &&
      std::all_of(tensor.as<float>(), tensor.as<float>() + tensor.shape().elements(), fits_half);
  weights_.push_back({name, tensor.shape(), dtype, half ? WeightStorage::Half : WeightStorage::Full,
                      half ? half_bytes(tensor)
                           : std::string(reinterpret_cast<const char*>(tensor.data()), tensor.bytes())});
  return name;
}

namespace {

template <class T>
std::string bytes_of(std::span<const T> values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

}  // namespace

std::string ExportWriter::listed(std::string_view wanted, DType dtype, const Shape& shape,
                                 std::string bytes) {
  const std::string name = take_name(wanted);
  const_node(name, dtype, shape);
  weights_.push_back(
      {name, shape, dtype == DType::I32 ? "int32" : "float32", WeightStorage::Full, std::move(bytes)});
  return name;
}

std::string ExportWriter::integers(std::string_view wanted, const Ints& values) {
  const std::vector<int32_t> narrow(values.begin(), values.end());
  return listed(wanted, DType::I32, Shape{static_cast<int64_t>(values.size())},
                bytes_of(std::span<const int32_t>(narrow)));
}

std::string ExportWriter::whole_number(std::string_view wanted, int64_t value) {
  const auto narrow = static_cast<int32_t>(value);
  return listed(wanted, DType::I32, Shape{}, bytes_of(std::span(&narrow, 1)));
}

std::string ExportWriter::scalar(std::string_view wanted, float value) {
  return listed(wanted, DType::F32, Shape{}, bytes_of(std::span<const float>(&value, 1)));
}

std::string ExportWriter::codes(std::string_view wanted, const Shape& shape, std::span<const int8_t> values) {
  const std::string name = take_name(wanted);
  const_node(name, DType::F32, shape);
  std::string bytes(values.size(), '\0');
  for (size_t i = 0; i < values.size(); ++i) bytes[i] = static_cast<char>(values[i] + 127);
  weights_.push_back({name, shape, "float32", WeightStorage::Codes, std::move(bytes)});
  return name;
}

void ExportWriter::write_signature(Writer& writer, const Graph& graph, const std::vector<std::string>& inputs,
                                   const std::vector<std::string>& outputs) const {
  const auto write_ports = [&](const char* key, const std::vector<GraphPort>& ports,
                               const std::vector<std::string>& names) {
    writer.Key(key);
    writer.StartObject();
    for (size_t i = 0; i < ports.size(); ++i) {
      const Value& value = graph.value(ports[i].value);
      writer.Key(ports[i].name.c_str());
      writer.StartObject();
      writer.Key("name");
      write_text(writer, names[i] + ":0");
      writer.Key("dtype");
      writer.String(tensorflow_type(value.dtype));
      writer.Key("tensorShape");
      write_shape(writer, value.shape);
      writer.EndObject();
    }
    writer.EndObject();
  };
  writer.Key("signature");
  writer.StartObject();
  write_ports("inputs", graph.inputs, inputs);
  write_ports("outputs", graph.outputs, outputs);
  writer.EndObject();
}

void ExportWriter::write_manifest(Writer& writer, const std::vector<TfjsFile>& shards) const {
  writer.Key("weightsManifest");
  writer.StartArray();
  writer.StartObject();
  writer.Key("paths");
  writer.StartArray();
  for (const TfjsFile& shard : shards) write_text(writer, shard.path);
  writer.EndArray();
  writer.Key("weights");
  writer.StartArray();
  for (const Weight& weight : weights_) {
    writer.StartObject();
    writer.Key("name");
    write_text(writer, weight.name);
    writer.Key("shape");
    writer.StartArray();
    for (const int32_t dim : weight.shape.dims()) writer.Int(dim);
    writer.EndArray();
    writer.Key("dtype");
    writer.String(weight.dtype);
    if (weight.storage != WeightStorage::Full) {
      const bool half = weight.storage == WeightStorage::Half;
      writer.Key("quantization");
      writer.StartObject();
      if (!half) {
        writer.Key("min");
        writer.Int(-127);
        writer.Key("scale");
        writer.Int(1);
      }
      writer.Key("dtype");
      writer.String(half ? "float16" : "uint8");
      writer.Key("original_dtype");
      writer.String("float32");
      writer.EndObject();
    }
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  writer.EndArray();
}

std::vector<TfjsFile> ExportWriter::cut_shards(uint64_t shard_bytes) {
  std::string all;
  for (Weight& weight : weights_) {
    all += weight.bytes;
    weight.bytes = std::string();
  }
  const size_t most = static_cast<size_t>(std::clamp<uint64_t>(shard_bytes, 1, SIZE_MAX / 2));
  const size_t count = std::max<size_t>((all.size() + most - 1) / most, 1);
  std::vector<TfjsFile> shards;
  for (size_t i = 0; i < count; ++i)
    shards.push_back(
        {"group1-shard" + decimal(i + 1) + "of" + decimal(count) + ".bin", all.substr(i * most, most)});
  return shards;
}

Result<TfjsExport> ExportWriter::finish(const Graph& graph, const std::vector<std::string>& inputs,
                                        const std::vector<std::string>& outputs,
                                        const TfjsExportOptions& options) && {
  TfjsExport result;
  result.shards = cut_shards(options.shard_bytes);
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("format");
  writer.String(kFormat);
  writer.Key("generatedBy");
  writer.String("linnet");
  writer.Key("convertedBy");
  writer.String("linnet");
  write_signature(writer, graph, inputs, outputs);
  if (!options.metadata.empty()) {
    writer.Key("userDefinedMetadata");
    writer.RawValue(options.metadata.data(), options.metadata.size(), rapidjson::kObjectType);
  }
  writer.Key("modelTopology");
  writer.StartObject();
  writer.Key("node");
  writer.StartArray();
  for (const std::string& text : nodes_) writer.RawValue(text.data(), text.size(), rapidjson::kObjectType);
  writer.EndArray();
  writer.Key("library");
  writer.StartObject();
  writer.EndObject();
  writer.Key("versions");
  writer.StartObject();
  writer.Key("producer");
  writer.Int(1);
  writer.EndObject();
  writer.EndObject();
  write_manifest(writer, result.shards);
  writer.EndObject();
  result.model_json.assign(buffer.GetString(), buffer.GetSize());
  return result;
}

}  // namespace linnet

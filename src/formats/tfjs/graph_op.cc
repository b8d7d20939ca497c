#include "formats/tfjs/graph_op.h"

#include <cstdarg>

#include "base/base64.h"
#include "base/format.h"

namespace linnet {

namespace {

int length_of(std::string_view text) {
  return static_cast<int>(text.size());
}

// Bytes travel as base64 text, or as an array of numbers.
Result<std::string> bytes_of(Json value) {
  if (value.is_array()) {
    std::string bytes;
    for (size_t i = 0; i < value.size(); ++i) {
      TRY_ASSIGN(const int64_t byte, value[i].integer());
      bytes.push_back(static_cast<char>(byte));
    }
    return bytes;
  }
  TRY_ASSIGN(const std::string_view text, value.string());
  std::optional<std::string> bytes = decode_base64(text);
  if (!bytes) return fail(ErrorCode::MalformedModel, "%s is not base64", value.path().c_str());
  return std::move(*bytes);
}

}  // namespace

Result<DType> tf_dtype(Json type) {
  struct Entry {
    const char* name;
    int number;
    DType dtype;
  };
  static constexpr Entry kTypes[] = {
      {"DT_FLOAT", 1, DType::F32},  {"DT_HALF", 19, DType::F32},  {"DT_INT32", 3, DType::I32},
      {"DT_INT64", 9, DType::I32},  {"DT_UINT8", 4, DType::I32},  {"DT_INT8", 6, DType::I32},
      {"DT_BOOL", 10, DType::Bool}, {"DT_DOUBLE", 2, DType::F32}, {"DT_INT16", 5, DType::I32},
  };
  if (type.is_number()) {
    TRY_ASSIGN(const int64_t number, type.integer());
    for (const Entry& entry : kTypes)
      if (entry.number == number) return entry.dtype;
    return fail(ErrorCode::UnsupportedType, "%s: the type %lld is not supported", type.path().c_str(),
                static_cast<long long>(number));
  }
  TRY_ASSIGN(const std::string_view name, type.string());
  for (const Entry& entry : kTypes)
    if (entry.name == name) return entry.dtype;
  return fail(ErrorCode::UnsupportedType, "%s: the type '%.*s' is not supported", type.path().c_str(),
              length_of(name), name.data());
}

std::unexpected<Error> GraphOp::error(ErrorCode code, const char* format, ...) const {
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  format_text(text, format, arguments);
  va_end(arguments);
  return fail(code, "node '%.*s' (%.*s): %s", length_of(name_), name_.data(), length_of(op_), op_.data(),
              text);
}

Result<Tensor> GraphOp::constant_input(size_t index, const char* what) const {
  const Value& value = builder.graph.value(inputs_[index]);
  if (!value.is_constant())
    return error(ErrorCode::UnsupportedOp, "input %zu ('%s', the %s) must be a constant", index,
                 value.name.c_str(), what);
  return value.constant;
}

Result<Ints> GraphOp::constant_ints(size_t index, const char* what) const {
  TRY_ASSIGN(const Tensor tensor, constant_input(index, what));
  if (tensor.dtype() != DType::I32)
    return error(ErrorCode::TypeMismatch, "the %s must be i32, is %s", what, dtype_name(tensor.dtype()));
  if (tensor.shape().elements() > 256)
    return error(ErrorCode::TooLarge, "the %s has shape %s", what, tensor.shape().to_string().c_str());
  Ints values;
  for (int64_t i = 0; i < tensor.shape().elements(); ++i)
    values.push_back(static_cast<int64_t>(tensor.at(i)));
  return values;
}

Result<int64_t> GraphOp::constant_int(size_t index, const char* what) const {
  TRY_ASSIGN(const Ints values, constant_ints(index, what));
  if (values.size() != 1) return error(ErrorCode::ShapeMismatch, "the %s must be one number", what);
  return values[0];
}

Result<float> GraphOp::constant_float(size_t index, const char* what) const {
  TRY_ASSIGN(const Tensor tensor, constant_input(index, what));
  if (tensor.shape().elements() != 1)
    return error(ErrorCode::ShapeMismatch, "the %s must be one number", what);
  return static_cast<float>(tensor.at(0));
}

Result<int64_t> GraphOp::int_attr(std::string_view key, int64_t fallback) const {
  const Json value = attrs_[key]["i"];
  if (!value) return fallback;
  return value.integer();
}

Result<bool> GraphOp::bool_attr(std::string_view key, bool fallback) const {
  const Json value = attrs_[key]["b"];
  if (!value) return fallback;
  return value.boolean();
}

Result<float> GraphOp::float_attr(std::string_view key, float fallback) const {
  const Json value = attrs_[key]["f"];
  if (!value) return fallback;
  TRY_ASSIGN(const double number, value.number());
  return static_cast<float>(number);
}

Result<Ints> GraphOp::ints_attr(std::string_view key) const {
  const Json value = attrs_[key]["list"]["i"];
  if (!value) return Ints();
  return value.integers();
}

Result<std::string> GraphOp::string_attr(std::string_view key, std::string_view fallback) const {
  const Json value = attrs_[key]["s"];
  if (!value) return std::string(fallback);
  return bytes_of(value);
}

Result<std::vector<std::string>> GraphOp::strings_attr(std::string_view key) const {
  std::vector<std::string> strings;
  const Json list = attrs_[key]["list"]["s"];
  if (!list) return strings;
  TRY(list.expect_array());
  for (size_t i = 0; i < list.size(); ++i) {
    TRY_ASSIGN(std::string text, bytes_of(list[i]));
    strings.push_back(std::move(text));
  }
  return strings;
}

Result<DType> GraphOp::type_attr(std::string_view key, DType fallback) const {
  const Json type = attrs_[key]["type"];
  if (!type) return fallback;
  return tf_dtype(type);
}

const GraphOpImport* find_graph_op(std::string_view op) {
  for (const auto& table : {math_graph_ops(), nn_graph_ops(), shape_graph_ops()})
    for (const GraphOpImport& entry : table)
      if (op == entry.op) return &entry;
  return nullptr;
}

}  // namespace linnet

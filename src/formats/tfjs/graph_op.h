// One node of a TensorFlow graph on its way into a Linnet graph, and the tables that say how each op gets
// there.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tfjs/builder.h"
#include "formats/tfjs/json.h"

namespace linnet {

// The type that a TensorFlow type becomes: narrower and wider integers are i32 and all floats f32, as in
// TensorFlow.js.
Result<DType> tf_dtype(Json type);

// A node whose inputs have been imported. Importers read inputs and attributes, build nodes, and set the
// results.
class GraphOp {
 public:
  GraphOp(Builder& graph_builder, std::string_view name, std::string_view op, Json attrs,
          std::vector<ValueId> inputs)
      : builder(graph_builder), name_(name), op_(op), attrs_(attrs), inputs_(std::move(inputs)) {}

  Builder& builder;

  // The name for the node's result; a node before it on the way there takes `part(..)`.
  std::string_view name() const { return name_; }
  std::string part(std::string_view suffix) const { return std::string(name_) + "/" + std::string(suffix); }

  size_t input_count() const { return inputs_.size(); }
  ValueId input(size_t index) const { return inputs_[index]; }
  const std::vector<ValueId>& inputs() const { return inputs_; }
  const Shape& shape(size_t index) const { return builder.shape(inputs_[index]); }
  int rank(size_t index) const { return shape(index).rank(); }

  // Result 0, or several.
  void set(ValueId value) { outputs_.assign(1, value); }
  void add_output(ValueId value) { outputs_.push_back(value); }
  const std::vector<ValueId>& outputs() const { return outputs_; }

  // Input `index` as numbers that are known now; fails where it is no constant. `what` names it in the
  // message.
  Result<Ints> constant_ints(size_t index, const char* what) const;
  Result<int64_t> constant_int(size_t index, const char* what) const;
  Result<float> constant_float(size_t index, const char* what) const;

  Result<int64_t> int_attr(std::string_view key, int64_t fallback) const;
  Result<bool> bool_attr(std::string_view key, bool fallback) const;
  Result<float> float_attr(std::string_view key, float fallback) const;
  // Empty where absent.
  Result<Ints> ints_attr(std::string_view key) const;
  Result<std::string> string_attr(std::string_view key, std::string_view fallback) const;
  Result<std::vector<std::string>> strings_attr(std::string_view key) const;
  Result<DType> type_attr(std::string_view key, DType fallback) const;

  // An error that opens with the node and its op.
  std::unexpected<Error> error(ErrorCode code, const char* format, ...) const
      __attribute__((format(printf, 3, 4)));

 private:
  Result<Tensor> constant_input(size_t index, const char* what) const;

  std::string_view name_;
  std::string_view op_;
  Json attrs_;
  std::vector<ValueId> inputs_;
  std::vector<ValueId> outputs_;
};

// How one TensorFlow op is imported.
struct GraphOpImport {
  const char* op;
  uint8_t min_inputs;
  uint8_t max_inputs;  // kAnyNumber: no limit
  Result<void> (*import)(GraphOp& op);
};
inline constexpr uint8_t kAnyNumber = 255;

// The entry for `op`, or nullptr.
const GraphOpImport* find_graph_op(std::string_view op);

// The tables, by family: each in the file of its name.
std::span<const GraphOpImport> math_graph_ops();
std::span<const GraphOpImport> nn_graph_ops();
std::span<const GraphOpImport> shape_graph_ops();

}  // namespace linnet

// One Keras layer on its way into a Linnet graph, and the table that says how each class gets there.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tfjs/builder.h"
#include "formats/tfjs/json.h"
#include "formats/tfjs/weights.h"

namespace linnet {

// A call of a layer whose inputs have been imported.
class Layer {
 public:
  Layer(Builder& graph_builder, Weights& weights, std::string_view name, std::string_view class_name,
        Json config, std::vector<ValueId> inputs)
      : builder(graph_builder),
        weights_(weights),
        name_(name),
        class_name_(class_name),
        config_(config),
        inputs_(std::move(inputs)) {}

  Builder& builder;

  std::string_view name() const { return name_; }
  std::string part(std::string_view suffix) const { return std::string(name_) + "/" + std::string(suffix); }
  Json config() const { return config_; }
  const std::vector<ValueId>& inputs() const { return inputs_; }
  ValueId input() const { return inputs_[0]; }
  const Shape& shape() const { return builder.shape(inputs_[0]); }

  Result<bool> flag(std::string_view key, bool fallback) const;
  Result<float> number(std::string_view key, float fallback) const;
  Result<std::string_view> string(std::string_view key, std::string_view fallback) const;
  // y and x: a pair, or one number for both.
  Result<Ints> pair(std::string_view key, const Ints& fallback) const;

  // The layer's weight `layer/name` as a value. Fails with MissingWeight.
  Result<ValueId> weight(std::string_view name) const;
  // The weight "bias", or kNone where the configuration says use_bias: false.
  Result<ValueId> bias() const;
  // Fails unless the data are channels_last.
  Result<void> expect_channels_last() const;

  std::unexpected<Error> error(ErrorCode code, const char* format, ...) const
      __attribute__((format(printf, 3, 4)));

 private:
  Weights& weights_;
  std::string_view name_;
  std::string_view class_name_;
  Json config_;
  std::vector<ValueId> inputs_;
};

struct LayerImport {
  const char* class_name;
  bool many_inputs;
  Result<ValueId> (*import)(Layer& layer);
};

// The entry for `class_name`, or nullptr.
const LayerImport* find_layer(std::string_view class_name);

// The tables, by family: each in the file of its name.
std::span<const LayerImport> activation_layers();
std::span<const LayerImport> spatial_layers();
std::span<const LayerImport> core_layers();

// The activation that `config.activation` names, on `input`; `input` itself where it is linear.
Result<ValueId> apply_activation(Layer& layer, ValueId input);
// Whether apply_activation adds nothing, so that what comes before takes the layer's own name.
Result<bool> is_linear(const Layer& layer);

}  // namespace linnet

#include "formats/tfjs/layer.h"

#include <cstdarg>

#include "base/format.h"

namespace linnet {

namespace {

int length_of(std::string_view text) {
  return static_cast<int>(text.size());
}

}  // namespace

Result<bool> Layer::flag(std::string_view key, bool fallback) const {
  const Json value = config_[key];
  if (!value) return fallback;
  return value.boolean();
}

Result<float> Layer::number(std::string_view key, float fallback) const {
  const Json value = config_[key];
  if (!value) return fallback;
  TRY_ASSIGN(const double number, value.number());
  return static_cast<float>(number);
}

Result<std::string_view> Layer::string(std::string_view key, std::string_view fallback) const {
  const Json value = config_[key];
  if (!value) return fallback;
  return value.string();
}

Result<Ints> Layer::pair(std::string_view key, const Ints& fallback) const {
  const Json value = config_[key];
  if (!value) return fallback;
  if (value.is_number()) {
    TRY_ASSIGN(const int64_t both, value.integer());
    return Ints{both, both};
  }
  TRY_ASSIGN(Ints values, value.integers());
  if (values.size() == 1) values.push_back(values[0]);
  if (values.size() != 2)
    return error(ErrorCode::MalformedModel, "%s must be one number or two", value.path().c_str());
  return values;
}

Result<ValueId> Layer::weight(std::string_view name) const {
  const std::string full = part(name);
  size_t position = weights_.find(full);
  // Some exporters put scopes in front of the layer's name.
  if (position == SIZE_MAX) position = weights_.find_suffix(full);
  if (position == SIZE_MAX)
    return error(ErrorCode::MissingWeight, "the weights manifest does not list '%s'", full.c_str());
  TRY_ASSIGN(Tensor tensor, weights_.tensor(position));
  return builder.constant(full, std::move(tensor));
}

Result<ValueId> Layer::bias() const {
  TRY_ASSIGN(const bool used, flag("use_bias", true));
  if (!used) return kNone;
  return weight("bias");
}

Result<void> Layer::expect_channels_last() const {
  TRY_ASSIGN(const std::string_view format, string("data_format", "channels_last"));
  if (format != "channels_last")
    return error(ErrorCode::UnsupportedOp,
                 "data_format '%.*s' is not supported; convert the model to channels_last", length_of(format),
                 format.data());
  return {};
}

std::unexpected<Error> Layer::error(ErrorCode code, const char* format, ...) const {
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  format_text(text, format, arguments);
  va_end(arguments);
  return fail(code, "layer '%.*s' (%.*s): %s", length_of(name_), name_.data(), length_of(class_name_),
              class_name_.data(), text);
}

const LayerImport* find_layer(std::string_view class_name) {
  for (const auto& table : {activation_layers(), spatial_layers(), core_layers()})
    for (const LayerImport& entry : table)
      if (class_name == entry.class_name) return &entry;
  return nullptr;
}

}  // namespace linnet

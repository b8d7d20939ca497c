// Keras activations, as layers and as the `activation` of others.
#include <algorithm>

#include "formats/tfjs/layer.h"

namespace linnet {

namespace {

Result<ValueId> swish(Layer& layer, ValueId input) {
  const Expr x = Expr::input(0), gate = Expr::apply(ExprOp::sigmoid, {&x});
  return layer.builder.apply(Expr::apply(ExprOp::mul, {&x, &gate}), layer.name(), {input});
}

Result<ValueId> softmax(Layer& layer, ValueId input) {
  return layer.builder.add(Op::softmax, layer.name(), {input});
}

// elu with a slope: alpha * (exp(x) - 1) below zero.
Result<ValueId> scaled_elu(Layer& layer, ValueId input, float alpha, float scale) {
  const Expr x = Expr::input(0), zero = Expr::constant(0), slope = Expr::constant(alpha),
             factor = Expr::constant(scale);
  const Expr negative = Expr::apply(ExprOp::minimum, {&x, &zero});
  const Expr curve = Expr::apply(ExprOp::elu, {&negative});
  const Expr below = Expr::apply(ExprOp::mul, {&curve, &slope});
  const Expr above = Expr::apply(ExprOp::relu, {&x});
  const Expr sum = Expr::apply(ExprOp::add, {&above, &below});
  return layer.builder.apply(scale == 1 ? sum : Expr::apply(ExprOp::mul, {&sum, &factor}), layer.name(),
                             {input});
}

Result<ValueId> apply_named(Layer& layer, std::string_view name, ValueId input) {
  struct Entry {
    const char* name;
    ExprOp op;
  };
  static constexpr Entry kActivations[] = {
      {"relu", ExprOp::relu},
      {"relu6", ExprOp::relu6},
      {"sigmoid", ExprOp::sigmoid},
      {"tanh", ExprOp::tanh},
      {"elu", ExprOp::elu},
      {"softplus", ExprOp::softplus},
      {"exponential", ExprOp::exp},
      {"hard_sigmoid", ExprOp::hard_sigmoid},
      {"hardSigmoid", ExprOp::hard_sigmoid},
  };
  if (name == "linear") return input;
  if (name == "softmax") return softmax(layer, input);
  if (name == "swish" || name == "silu") return swish(layer, input);
  if (name == "selu") return scaled_elu(layer, input, 1.6732632423543772f, 1.0507009873554805f);
  for (const Entry& entry : kActivations)
    if (name == entry.name) return layer.builder.apply(entry.op, layer.name(), {input});
  return layer.error(ErrorCode::UnsupportedOp, "the activation '%.*s' is not supported",
                     static_cast<int>(name.size()), name.data());
}

Result<ValueId> import_activation(Layer& layer) {
  return apply_activation(layer, layer.input());
}

// max_value where x reaches it, x from the threshold up, negative_slope * (x - threshold) below.
Result<ValueId> import_relu(Layer& layer) {
  TRY_ASSIGN(const float slope, layer.number("negative_slope", 0));
  TRY_ASSIGN(const float threshold, layer.number("threshold", 0));
  TRY_ASSIGN(const float limit, layer.number("max_value", -1));
  const bool limited = static_cast<bool>(layer.config()["max_value"]);
  const Expr x = Expr::input(0), slope_constant = Expr::constant(slope), edge = Expr::constant(threshold),
             most = Expr::constant(limit);
  Expr expr = Expr::apply(ExprOp::relu, {&x});
  if (threshold != 0) {
    const Expr above = Expr::apply(ExprOp::greater_equal, {&x, &edge});
    const Expr distance = Expr::apply(ExprOp::sub, {&x, &edge});
    const Expr below = Expr::apply(ExprOp::mul, {&distance, &slope_constant});
    expr = Expr::apply(ExprOp::select, {&above, &x, &below});
  } else if (slope != 0) {
    expr = Expr::apply(ExprOp::prelu, {&x, &slope_constant});
  }
  if (limited && limit == 6 && threshold == 0 && slope == 0)
    expr = Expr::apply(ExprOp::relu6, {&x});
  else if (limited)
    expr = Expr::apply(ExprOp::minimum, {&expr, &most});
  return layer.builder.apply(std::move(expr), layer.name(), {layer.input()});
}

Result<ValueId> import_leaky_relu(Layer& layer) {
  TRY_ASSIGN(const float older, layer.number("alpha", 0.3f));
  TRY_ASSIGN(const float slope, layer.number("negative_slope", older));
  return layer.builder.apply(ExprOp::prelu, layer.name(), layer.input(), slope);
}

Result<ValueId> import_prelu(Layer& layer) {
  TRY_ASSIGN(const ValueId alpha, layer.weight("alpha"));
  return layer.builder.apply(ExprOp::prelu, layer.name(), {layer.input(), alpha});
}

Result<ValueId> import_elu(Layer& layer) {
  TRY_ASSIGN(const float alpha, layer.number("alpha", 1));
  if (alpha == 1) return layer.builder.apply(ExprOp::elu, layer.name(), {layer.input()});
  return scaled_elu(layer, layer.input(), alpha, 1);
}

Result<ValueId> import_softmax(Layer& layer) {
  if (const Json axis = layer.config()["axis"]) {
    TRY_ASSIGN(const int64_t stated, axis.integer());
    if (stated != -1 && stated != layer.shape().rank() - 1)
      return layer.error(ErrorCode::UnsupportedOp,
                         "softmax over axis %lld is not supported, only over the last",
                         static_cast<long long>(stated));
  }
  return softmax(layer, layer.input());
}

constexpr LayerImport kLayers[] = {
    {"Activation", false, import_activation},
    {"ReLU", false, import_relu},
    {"LeakyReLU", false, import_leaky_relu},
    {"PReLU", false, import_prelu},
    {"ELU", false, import_elu},
    {"Softmax", false, import_softmax},
};

}  // namespace

Result<bool> is_linear(const Layer& layer) {
  TRY_ASSIGN(const std::string_view name, layer.string("activation", "linear"));
  return name == "linear";
}

Result<ValueId> apply_activation(Layer& layer, ValueId input) {
  TRY_ASSIGN(const std::string_view name, layer.string("activation", "linear"));
  return apply_named(layer, name, input);
}

std::span<const LayerImport> activation_layers() {
  return kLayers;
}

}  // namespace linnet

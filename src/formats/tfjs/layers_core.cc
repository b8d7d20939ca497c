// Keras layers of any shape: dense, batch norm, reshaping, merging, and those that do nothing when a model
// runs.
#include <algorithm>

#include "base/format.h"
#include "formats/tfjs/layer.h"

namespace linnet {

namespace {

Result<ValueId> import_nothing(Layer& layer) {
  return layer.input();
}

Result<ValueId> import_dense(Layer& layer) {
  TRY_ASSIGN(const ValueId kernel, layer.weight("kernel"));
  TRY_ASSIGN(const ValueId bias, layer.bias());
  std::vector<ValueId> inputs = {layer.input(), kernel};
  if (bias != kNone) inputs.push_back(bias);
  TRY_ASSIGN(const bool linear, is_linear(layer));
  TRY_ASSIGN(const ValueId product,
             layer.builder.add(Op::matmul, linear ? std::string(layer.name()) : layer.part("product"),
                               std::move(inputs)));
  return apply_activation(layer, product);
}

// A gamma or beta that the configuration leaves out.
Result<ValueId> filled(Layer& layer, const char* name, int32_t channels, float value) {
  const std::vector<float> values(static_cast<size_t>(channels), value);
  TRY_ASSIGN(Tensor tensor, Tensor::of_f32(Shape{channels}, values));
  return layer.builder.constant(layer.part(name), std::move(tensor));
}

Result<ValueId> import_batch_norm(Layer& layer) {
  const int rank = layer.shape().rank();
  if (rank == 0) return layer.error(ErrorCode::ShapeMismatch, "the input has no dimensions");
  if (Json axis = layer.config()["axis"]) {
    if (axis.is_array() && axis.size() == 1) axis = axis[size_t{0}];
    TRY_ASSIGN(const int64_t stated, axis.integer());
    if (stated != -1 && stated != rank - 1)
      return layer.error(ErrorCode::UnsupportedOp, "axis %lld is not supported, only the last",
                         static_cast<long long>(stated));
  }
  const int32_t channels = layer.shape().back();
  TRY_ASSIGN(const bool scale, layer.flag("scale", true));
  TRY_ASSIGN(const bool center, layer.flag("center", true));
  TRY_ASSIGN(const float epsilon, layer.number("epsilon", 1e-3f));
  TRY_ASSIGN(const ValueId gamma, scale ? layer.weight("gamma") : filled(layer, "gamma", channels, 1));
  TRY_ASSIGN(const ValueId beta, center ? layer.weight("beta") : filled(layer, "beta", channels, 0));
  TRY_ASSIGN(const ValueId mean, layer.weight("moving_mean"));
  TRY_ASSIGN(const ValueId variance, layer.weight("moving_variance"));
  Attrs attrs;
  attrs.set(Attr::epsilon, epsilon);
  return layer.builder.add(Op::batch_norm, layer.name(), {layer.input(), gamma, beta, mean, variance},
                           std::move(attrs));
}

Result<ValueId> import_flatten(Layer& layer) {
  TRY(layer.expect_channels_last());
  if (layer.shape().rank() == 0) return layer.error(ErrorCode::ShapeMismatch, "the input has no dimensions");
  return layer.builder.reshape(layer.name(), layer.input(), {layer.shape()[0], -1});
}

Result<ValueId> import_reshape(Layer& layer) {
  TRY_ASSIGN(const Json target, layer.config().member("target_shape"));
  TRY_ASSIGN(Ints dims, target.integers());
  if (layer.shape().rank() == 0) return layer.error(ErrorCode::ShapeMismatch, "the input has no dimensions");
  dims.insert(dims.begin(), layer.shape()[0]);
  return layer.builder.reshape(layer.name(), layer.input(), dims);
}

// `dims` counts from 1; the batch stays first.
Result<ValueId> import_permute(Layer& layer) {
  TRY_ASSIGN(const Json dims, layer.config().member("dims"));
  TRY_ASSIGN(Ints perm, dims.integers());
  perm.insert(perm.begin(), 0);
  Attrs attrs;
  attrs.set(Attr::perm, std::move(perm));
  return layer.builder.add(Op::transpose, layer.name(), {layer.input()}, std::move(attrs));
}

Result<ValueId> import_rescaling(Layer& layer) {
  TRY_ASSIGN(const float scale, layer.number("scale", 1));
  TRY_ASSIGN(const float offset, layer.number("offset", 0));
  const Expr x = Expr::input(0), factor = Expr::constant(scale), shift = Expr::constant(offset);
  const Expr scaled = Expr::apply(ExprOp::mul, {&x, &factor});
  ValueId input = layer.input();
  if (layer.builder.dtype(input) != DType::F32) {
    Attrs attrs;
    attrs.set(Attr::dtype, DType::F32);
    TRY_ASSIGN(input, layer.builder.add(Op::cast, layer.part("cast"), {input}, std::move(attrs)));
  }
  return layer.builder.apply(Expr::apply(ExprOp::add, {&scaled, &shift}), layer.name(), {input});
}

Result<ValueId> merge(Layer& layer, ExprOp op) {
  ValueId merged = layer.input();
  for (size_t i = 1; i < layer.inputs().size(); ++i) {
    const bool last = i + 1 == layer.inputs().size();
    TRY_ASSIGN(merged,
               layer.builder.apply(op, last ? std::string(layer.name()) : layer.part("merge" + decimal(i)),
                                   {merged, layer.inputs()[i]}));
  }
  return merged;
}

template <ExprOp kOp>
Result<ValueId> import_merge(Layer& layer) {
  return merge(layer, kOp);
}

Result<ValueId> import_subtract(Layer& layer) {
  if (layer.inputs().size() != 2)
    return layer.error(ErrorCode::MalformedModel, "needs 2 inputs, has %zu", layer.inputs().size());
  return merge(layer, ExprOp::sub);
}

Result<ValueId> import_average(Layer& layer) {
  ValueId sum = layer.input();
  for (size_t i = 1; i < layer.inputs().size(); ++i) {
    TRY_ASSIGN(sum,
               layer.builder.apply(ExprOp::add, layer.part("sum" + decimal(i)), {sum, layer.inputs()[i]}));
  }
  return layer.builder.apply(ExprOp::mul, layer.name(), sum,
                             1.0f / static_cast<float>(layer.inputs().size()));
}

Result<ValueId> import_concatenate(Layer& layer) {
  int64_t stated = -1;
  if (const Json axis = layer.config()["axis"]) {
    TRY_ASSIGN(stated, axis.integer());
  }
  TRY_ASSIGN(const int64_t axis, Builder::resolve_axis(stated, layer.shape().rank(),
                                                       "layer '" + std::string(layer.name()) + "'"));
  if (layer.inputs().size() == 1) return layer.input();
  Attrs attrs;
  attrs.set(Attr::axis, axis);
  return layer.builder.add(Op::concat, layer.name(), layer.inputs(), std::move(attrs));
}

constexpr LayerImport kLayers[] = {
    {"Dense", false, import_dense},
    {"BatchNormalization", false, import_batch_norm},
    {"BatchNormalizationV1", false, import_batch_norm},
    {"Flatten", false, import_flatten},
    {"Reshape", false, import_reshape},
    {"Permute", false, import_permute},
    {"Rescaling", false, import_rescaling},
    {"Add", true, import_merge<ExprOp::add>},
    {"Subtract", true, import_subtract},
    {"Multiply", true, import_merge<ExprOp::mul>},
    {"Maximum", true, import_merge<ExprOp::maximum>},
    {"Minimum", true, import_merge<ExprOp::minimum>},
    {"Average", true, import_average},
    {"Concatenate", true, import_concatenate},
    {"Dropout", false, import_nothing},
    {"SpatialDropout1D", false, import_nothing},
    {"SpatialDropout2D", false, import_nothing},
    {"GaussianDropout", false, import_nothing},
    {"GaussianNoise", false, import_nothing},
    {"AlphaDropout", false, import_nothing},
    {"ActivityRegularization", false, import_nothing},
};

}  // namespace

std::span<const LayerImport> core_layers() {
  return kLayers;
}

}  // namespace linnet

// Keras layers over [batch, height, width, channels].
#include <algorithm>

#include "formats/tfjs/layer.h"

namespace linnet {

namespace {

Result<Padding> read_padding(const Layer& layer) {
  TRY_ASSIGN(const std::string_view padding, layer.string("padding", "valid"));
  if (padding == "same") return Padding{Padding::Kind::Same, {}};
  if (padding == "valid") return Padding{};
  return layer.error(ErrorCode::UnsupportedOp, "padding '%.*s' is not supported",
                     static_cast<int>(padding.size()), padding.data());
}

Result<WindowSpec> read_window(const Layer& layer) {
  TRY(layer.expect_channels_last());
  WindowSpec window;
  TRY_ASSIGN(window.strides, layer.pair("strides", {1, 1}));
  TRY_ASSIGN(window.dilations, layer.pair("dilation_rate", {1, 1}));
  TRY_ASSIGN(window.padding, read_padding(layer));
  return window;
}

// The name for a layer's value that its activation follows.
Result<std::string> product_name(const Layer& layer) {
  TRY_ASSIGN(const bool linear, is_linear(layer));
  return linear ? std::string(layer.name()) : layer.part("product");
}

Result<ValueId> convolution(Layer& layer, Op op, const char* kernel) {
  TRY_ASSIGN(WindowSpec window, read_window(layer));
  if (const Json groups = layer.config()["groups"]) {
    TRY_ASSIGN(const int64_t count, groups.integer());
    if (count != 1)
      return layer.error(ErrorCode::UnsupportedOp, "%lld groups are not supported",
                         static_cast<long long>(count));
  }
  TRY_ASSIGN(const ValueId filter, layer.weight(kernel));
  TRY_ASSIGN(const ValueId bias, layer.bias());
  TRY_ASSIGN(const std::string name, product_name(layer));
  TRY_ASSIGN(const ValueId product,
             layer.builder.convolve(op, name, layer.input(), filter, bias, std::move(window)));
  return apply_activation(layer, product);
}

Result<ValueId> import_conv2d(Layer& layer) {
  return convolution(layer, Op::conv2d, "kernel");
}

Result<ValueId> import_depthwise_conv2d(Layer& layer) {
  return convolution(layer, Op::depthwise_conv2d, "depthwise_kernel");
}

Result<ValueId> import_separable_conv2d(Layer& layer) {
  TRY_ASSIGN(WindowSpec window, read_window(layer));
  TRY_ASSIGN(const ValueId depthwise, layer.weight("depthwise_kernel"));
  TRY_ASSIGN(const ValueId pointwise, layer.weight("pointwise_kernel"));
  TRY_ASSIGN(const ValueId bias, layer.bias());
  TRY_ASSIGN(const ValueId spread,
             layer.builder.convolve(Op::depthwise_conv2d, layer.part("depthwise"), layer.input(), depthwise,
                                    kNone, std::move(window)));
  TRY_ASSIGN(const std::string name, product_name(layer));
  TRY_ASSIGN(const ValueId product, layer.builder.convolve(Op::conv2d, name, spread, pointwise, bias, {}));
  return apply_activation(layer, product);
}

Result<ValueId> import_conv2d_transpose(Layer& layer) {
  TRY_ASSIGN(WindowSpec window, read_window(layer));
  if (layer.config()["output_padding"])
    return layer.error(ErrorCode::UnsupportedOp, "output_padding is not supported");
  TRY_ASSIGN(const ValueId filter, layer.weight("kernel"));
  TRY_ASSIGN(const ValueId bias, layer.bias());
  if (layer.shape().rank() != 4 || layer.builder.shape(filter).rank() != 4)
    return layer.error(ErrorCode::ShapeMismatch, "input %s and kernel %s must have 4 dimensions",
                       layer.shape().to_string().c_str(), layer.builder.shape(filter).to_string().c_str());
  int64_t size[2];
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t stride = window.strides[static_cast<size_t>(axis)],
                  kernel = layer.builder.shape(filter)[axis];
    if (stride < 1 || stride > kMaxTensorBytes)
      return layer.error(ErrorCode::InvalidAttribute, "a stride of %lld is out of range",
                         static_cast<long long>(stride));
    size[axis] = layer.shape()[axis + 1] * stride;
    if (window.padding.kind == Padding::Kind::Valid) size[axis] += std::max<int64_t>(kernel - stride, 0);
  }
  TRY_ASSIGN(const std::string name, product_name(layer));
  TRY_ASSIGN(const ValueId product, layer.builder.convolve_transposed(name, layer.input(), filter, bias,
                                                                      std::move(window), size[0], size[1]));
  return apply_activation(layer, product);
}

Result<ValueId> pool(Layer& layer, Op op) {
  TRY(layer.expect_channels_last());
  WindowSpec window;
  TRY_ASSIGN(window.kernel, layer.pair("pool_size", {2, 2}));
  TRY_ASSIGN(window.strides, layer.pair("strides", window.kernel));
  TRY_ASSIGN(window.padding, read_padding(layer));
  return layer.builder.pool(op, layer.name(), layer.input(), window);
}

template <Op kPool>
Result<ValueId> import_pool(Layer& layer) {
  return pool(layer, kPool);
}

Result<ValueId> global_pool(Layer& layer, const char* mode) {
  TRY(layer.expect_channels_last());
  if (layer.shape().rank() != 4)
    return layer.error(ErrorCode::ShapeMismatch, "input %s must have 4 dimensions",
                       layer.shape().to_string().c_str());
  TRY_ASSIGN(const bool keep_dims, layer.flag("keepdims", false));
  return layer.builder.reduce(mode, layer.name(), layer.input(), {1, 2}, keep_dims);
}

Result<ValueId> import_global_average(Layer& layer) {
  return global_pool(layer, "mean");
}
Result<ValueId> import_global_max(Layer& layer) {
  return global_pool(layer, "max");
}

// [[top, bottom], [left, right]], [height, width] or one number for all four sides.
Result<Ints> read_border(const Layer& layer, const char* key) {
  const Json border = layer.config()[key];
  if (border.is_array() && border.size() == 2 && border[size_t{0}].is_array()) {
    TRY_ASSIGN(const Ints y, border[size_t{0}].integers());
    TRY_ASSIGN(const Ints x, border[size_t{1}].integers());
    if (y.size() != 2 || x.size() != 2)
      return layer.error(ErrorCode::MalformedModel, "%s must be two pairs", border.path().c_str());
    return Ints{y[0], y[1], x[0], x[1]};
  }
  TRY_ASSIGN(const Ints both, layer.pair(key, {1, 1}));
  return Ints{both[0], both[0], both[1], both[1]};
}

Result<ValueId> import_zero_padding(Layer& layer) {
  TRY(layer.expect_channels_last());
  TRY_ASSIGN(const Ints border, read_border(layer, "padding"));
  Attrs attrs;
  attrs.set(Attr::pads, Ints{0, 0, border[0], border[1], border[2], border[3], 0, 0});
  return layer.builder.add(Op::pad, layer.name(), {layer.input()}, std::move(attrs));
}

Result<ValueId> import_cropping(Layer& layer) {
  TRY(layer.expect_channels_last());
  TRY_ASSIGN(const Ints border, read_border(layer, "cropping"));
  const Shape& shape = layer.shape();
  if (shape.rank() != 4)
    return layer.error(ErrorCode::ShapeMismatch, "input %s must have 4 dimensions",
                       shape.to_string().c_str());
  for (int64_t side : border)
    if (side < 0 || side > kMaxTensorBytes)
      return layer.error(ErrorCode::InvalidAttribute, "a border of %lld is out of range",
                         static_cast<long long>(side));
  Attrs attrs;
  attrs.set(Attr::begin, Ints{0, border[0], border[2], 0});
  attrs.set(Attr::size,
            Ints{shape[0], shape[1] - border[0] - border[1], shape[2] - border[2] - border[3], shape[3]});
  return layer.builder.add(Op::slice, layer.name(), {layer.input()}, std::move(attrs));
}

// As TensorFlow.js computes it: neither corners aligned nor pixel centres at halves.
Result<ValueId> import_up_sampling(Layer& layer) {
  TRY(layer.expect_channels_last());
  TRY_ASSIGN(const std::string_view method, layer.string("interpolation", "nearest"));
  if (method != "bilinear")
    return layer.error(ErrorCode::UnsupportedOp, "interpolation '%.*s' is not supported, only 'bilinear'",
                       static_cast<int>(method.size()), method.data());
  TRY_ASSIGN(const Ints factor, layer.pair("size", {2, 2}));
  const Shape& shape = layer.shape();
  if (shape.rank() != 4)
    return layer.error(ErrorCode::ShapeMismatch, "input %s must have 4 dimensions",
                       shape.to_string().c_str());
  for (int64_t times : factor)
    if (times < 1 || times > kMaxTensorBytes)
      return layer.error(ErrorCode::InvalidAttribute, "a factor of %lld is out of range",
                         static_cast<long long>(times));
  Attrs attrs;
  attrs.set(Attr::size, Ints{shape[1] * factor[0], shape[2] * factor[1]});
  return layer.builder.add(Op::resize_bilinear, layer.name(), {layer.input()}, std::move(attrs));
}

constexpr LayerImport kLayers[] = {
    {"Conv2D", false, import_conv2d},
    {"DepthwiseConv2D", false, import_depthwise_conv2d},
    {"SeparableConv2D", false, import_separable_conv2d},
    {"Conv2DTranspose", false, import_conv2d_transpose},
    {"MaxPooling2D", false, import_pool<Op::max_pool>},
    {"AveragePooling2D", false, import_pool<Op::avg_pool>},
    {"GlobalAveragePooling2D", false, import_global_average},
    {"GlobalMaxPooling2D", false, import_global_max},
    {"ZeroPadding2D", false, import_zero_padding},
    {"Cropping2D", false, import_cropping},
    {"UpSampling2D", false, import_up_sampling},
};

}  // namespace

std::span<const LayerImport> spatial_layers() {
  return kLayers;
}

}  // namespace linnet

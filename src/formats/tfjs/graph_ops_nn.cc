// TensorFlow's convolutions, pools, batch norms and resizing.
#include "formats/tfjs/fused.h"
#include "formats/tfjs/graph_op.h"

namespace linnet {

namespace {

Result<void> expect_nhwc(const GraphOp& op) {
  TRY_ASSIGN(const std::string format, op.string_attr("data_format", "NHWC"));
  if (format != "NHWC")
    return op.error(ErrorCode::UnsupportedOp, "data_format '%s' is not supported; convert the model to NHWC",
                    format.c_str());
  return {};
}

// The y and x of an attribute over N, H, W, C.
Result<Ints> spatial(const GraphOp& op, const char* key) {
  TRY_ASSIGN(const Ints values, op.ints_attr(key));
  if (values.empty()) return Ints{1, 1};
  if (values.size() == 2) return values;
  if (values.size() != 4)
    return op.error(ErrorCode::MalformedModel, "%s must have 4 numbers, has %zu", key, values.size());
  if (values[0] != 1 || values[3] != 1)
    return op.error(ErrorCode::UnsupportedOp, "%s over batch or channels is not supported", key);
  return Ints{values[1], values[2]};
}

Result<WindowSpec> read_window(const GraphOp& op) {
  TRY(expect_nhwc(op));
  WindowSpec window;
  TRY_ASSIGN(window.strides, spatial(op, "strides"));
  TRY_ASSIGN(window.dilations, spatial(op, "dilations"));
  TRY_ASSIGN(const std::string padding, op.string_attr("padding", ""));
  if (padding == "SAME") {
    window.padding.kind = Padding::Kind::Same;
  } else if (padding == "EXPLICIT") {
    window.padding.kind = Padding::Kind::Explicit;
    TRY_ASSIGN(const Ints pads, op.ints_attr("explicit_paddings"));
    if (pads.size() != 8)
      return op.error(ErrorCode::MalformedModel, "explicit_paddings must have 8 numbers, has %zu",
                      pads.size());
    if (pads[0] != 0 || pads[1] != 0 || pads[6] != 0 || pads[7] != 0)
      return op.error(ErrorCode::UnsupportedOp, "padding of batch or channels is not supported");
    window.padding.pads = {pads[2], pads[3], pads[4], pads[5]};
  } else if (padding != "VALID") {
    return op.error(ErrorCode::MalformedModel, "padding '%s' is unknown", padding.c_str());
  }
  return window;
}

Result<void> build_convolution(GraphOp& op, Op convolution) {
  TRY_ASSIGN(WindowSpec window, read_window(op));
  TRY_ASSIGN(const FusedOps fused, FusedOps::read(op));
  TRY_ASSIGN(ValueId result, op.builder.convolve(convolution, fused.product_name(), op.input(0), op.input(1),
                                                 fused.bias(), std::move(window)));
  TRY_ASSIGN(result, fused.apply_rest(result));
  op.set(result);
  return {};
}

Result<void> import_conv2d_transpose(GraphOp& op) {
  TRY_ASSIGN(WindowSpec window, read_window(op));
  TRY_ASSIGN(const Ints size, op.constant_ints(0, "output shape"));
  if (size.size() != 4 && size.size() != 2)
    return op.error(ErrorCode::ShapeMismatch, "the output shape must have 4 numbers, has %zu", size.size());
  const size_t y = size.size() == 4 ? 1 : 0;
  TRY_ASSIGN(const ValueId result, op.builder.convolve_transposed(op.name(), op.input(2), op.input(1), kNone,
                                                                  std::move(window), size[y], size[y + 1]));
  op.set(result);
  return {};
}

template <Op kConvolution>
Result<void> import_convolution(GraphOp& op) {
  return build_convolution(op, kConvolution);
}

Result<void> build_pool(GraphOp& op, Op pool) {
  TRY_ASSIGN(WindowSpec window, read_window(op));
  TRY_ASSIGN(window.kernel, spatial(op, "ksize"));
  TRY_ASSIGN(const ValueId result, op.builder.pool(pool, op.name(), op.input(0), window));
  op.set(result);
  return {};
}

template <Op kPool>
Result<void> import_pool(GraphOp& op) {
  return build_pool(op, kPool);
}

Result<void> import_batch_norm(GraphOp& op) {
  TRY(expect_nhwc(op));
  TRY_ASSIGN(const float epsilon, op.float_attr("epsilon", 1e-4f));
  Attrs attrs;
  attrs.set(Attr::epsilon, epsilon);
  TRY_ASSIGN(const ValueId result, op.builder.add(Op::batch_norm, op.name(), op.inputs(), std::move(attrs)));
  op.set(result);
  return {};
}

Result<void> import_resize_bilinear(GraphOp& op) {
  TRY_ASSIGN(const Ints size, op.constant_ints(1, "size"));
  if (size.size() != 2)
    return op.error(ErrorCode::ShapeMismatch, "the size must have 2 numbers, has %zu", size.size());
  TRY_ASSIGN(const bool align_corners, op.bool_attr("align_corners", false));
  TRY_ASSIGN(const bool half_pixel_centers, op.bool_attr("half_pixel_centers", false));
  Attrs attrs;
  attrs.set(Attr::size, size);
  if (align_corners) attrs.set(Attr::align_corners, true);
  if (half_pixel_centers) attrs.set(Attr::half_pixel_centers, true);
  TRY_ASSIGN(const ValueId result,
             op.builder.add(Op::resize_bilinear, op.name(), {op.input(0)}, std::move(attrs)));
  op.set(result);
  return {};
}

Result<void> import_bias_add(GraphOp& op) {
  TRY(expect_nhwc(op));
  TRY_ASSIGN(const ValueId result, op.builder.apply(ExprOp::add, op.name(), op.inputs()));
  op.set(result);
  return {};
}

constexpr GraphOpImport kOps[] = {
    {"BiasAdd", 2, 2, import_bias_add},
    {"Conv2D", 2, 2, import_convolution<Op::conv2d>},
    {"_FusedConv2D", 2, kAnyNumber, import_convolution<Op::conv2d>},
    {"DepthwiseConv2dNative", 2, 2, import_convolution<Op::depthwise_conv2d>},
    {"DepthwiseConv2d", 2, 2, import_convolution<Op::depthwise_conv2d>},
    {"FusedDepthwiseConv2dNative", 2, kAnyNumber, import_convolution<Op::depthwise_conv2d>},
    {"Conv2DBackpropInput", 3, 3, import_conv2d_transpose},
    {"MaxPool", 1, 1, import_pool<Op::max_pool>},
    {"AvgPool", 1, 1, import_pool<Op::avg_pool>},
    {"FusedBatchNorm", 5, 5, import_batch_norm},
    {"FusedBatchNormV2", 5, 5, import_batch_norm},
    {"FusedBatchNormV3", 5, 5, import_batch_norm},
    {"ResizeBilinear", 2, 2, import_resize_bilinear},
};

}  // namespace

std::span<const GraphOpImport> nn_graph_ops() {
  return kOps;
}

}  // namespace linnet

#include "backends/gpu/product.h"

#include "graph/op_def.h"

namespace linnet::gpu {

namespace {

// Weights and bias are constants, and all constants and the result are floats, as tiles need them.
bool fits_tiles(const Graph& graph, const Node& node) {
  if (!is_float(graph.value(node.outputs[0]).dtype)) return false;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Value& value = graph.value(node.inputs[i]);
    const bool is_weight = i > 0 && i < static_cast<size_t>(own_inputs(node));
    if (value.is_constant() ? !is_float(value.dtype) : is_weight) return false;
  }
  return true;
}

bool is_plain(const WindowAxis& axis) {
  return axis.kernel == 1 && axis.stride == 1 && axis.pad_before == 0 && axis.pad_after == 0;
}

}  // namespace

std::optional<Product> product_of(const Graph& graph, const Node& node) {
  if ((node.op != Op::conv2d && node.op != Op::matmul) || !fits_tiles(graph, node)) return {};
  const Shape& x = graph.value(node.inputs[0]).shape;
  const Shape& w = graph.value(node.inputs[1]).shape;
  const Shape& y = graph.value(node.outputs[0]).shape;
  if (y.elements() == 0 || x.elements() == 0) return {};
  Product product;
  product.rows = static_cast<uint32_t>(y.elements() / y.back());
  product.channels = static_cast<uint32_t>(x.back());
  product.columns = static_cast<uint32_t>(y.back());
  product.channel_step = product.columns;
  product.column_step = 1;
  if (node.op == Op::conv2d) {
    const Window window = window_of(node.attrs, x, w[0], w[1]);
    if (!is_plain(window.y) || !is_plain(window.x)) product.window = window;
    return product;
  }
  if (w.rank() != 2 || node.attrs.get_bool(Attr::transpose_a, false)) return {};
  if (node.attrs.get_bool(Attr::transpose_b, false)) {
    product.channel_step = 1;
    product.column_step = product.channels;
  }
  return product;
}

Operand add_product_weights(Lowering& lowering, const Node& node, const Product& product) {
  const uint32_t blocks = (product.columns + 3) / 4, depth = 4 * product.depth4(), taps = product.taps();
  // A row holds what a tap of four columns takes.
  const auto choose = [=, channels = product.channels, columns = product.columns,
                       channel_step = product.channel_step,
                       column_step = product.column_step](uint32_t row, uint32_t* elements) {
    const uint32_t first = row / taps * 4, tap = row % taps * channels * columns;
    for (uint32_t channel = 0; channel < depth; ++channel)
      for (uint32_t column = first; column < first + 4; ++column)
        *elements++ = channel < channels && column < columns
                          ? tap + channel * channel_step + column * column_step
                          : kNone;
  };
  return lowering.pack_weights(node.inputs[1], blocks * taps, depth * 4, choose);
}

Operand add_product_bias(Lowering& lowering, const Node& node, const Product& product) {
  const uint32_t columns = product.columns, length = (columns + 3) / 4 * 4;
  return lowering.pack_weights(node.inputs[2], 1, length, [=](uint32_t, uint32_t* elements) {
    for (uint32_t i = 0; i < length; ++i) elements[i] = i < columns ? i : kNone;
  });
}

void add_window_params(Kernel& kernel, const Window& window, const Shape& x, const Shape& y) {
  kernel.param("out_h", static_cast<uint32_t>(y[1]));
  kernel.param("out_w", static_cast<uint32_t>(y[2]));
  kernel.param_i32("in_h", x[1]);
  kernel.param_i32("in_w", x[2]);
  kernel.param_i32("kernel_y", window.y.kernel);
  kernel.param_i32("kernel_x", window.x.kernel);
  kernel.param_i32("stride_y", window.y.stride);
  kernel.param_i32("stride_x", window.x.stride);
  kernel.param_i32("dilation_y", window.y.dilation);
  kernel.param_i32("dilation_x", window.x.dilation);
  kernel.param_i32("pad_top", window.y.pad_before);
  kernel.param_i32("pad_left", window.x.pad_before);
}

}  // namespace linnet::gpu

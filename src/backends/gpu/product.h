// What convolutions and matrix products with constant weights have in common: rows (pixels) times columns.
#pragma once

#include <optional>

#include "backends/gpu/lower.h"
#include "ops/window.h"

namespace linnet::gpu {

struct Product {
  uint32_t rows;      // pixels of the result, of all images
  uint32_t channels;  // of the input
  uint32_t columns;   // channels of the result
  // Of a convolution that is not a plain product of rows.
  std::optional<Window> window;
  // Elements of the constant from one input channel to the next, and from one column; taps follow each other.
  uint32_t channel_step, column_step;

  uint32_t taps() const { return window ? static_cast<uint32_t>(window->y.kernel * window->x.kernel) : 1; }
  uint32_t depth4() const { return (channels + 3) / 4; }
};

// The product that a conv2d or matmul is: of operands 0 and 1 (a constant), with bias (operand 2, where there
// is one). None where the weights are no constant, or anything is no float.
std::optional<Product> product_of(const Graph& graph, const Node& node);

// Adds its weights in the order in which tiles read them: for each four columns, tap and four channels, four
// (channels) vec4f of columns.
Operand add_product_weights(Lowering& lowering, const Node& node, const Product& product);
// Adds its bias, for the same fours of columns.
Operand add_product_bias(Lowering& lowering, const Node& node, const Product& product);

// Declares the parameters of a window from images x to y, NHWC: out_h, out_w (u32), in_h, in_w, and kernel,
// strides, dilations and pads (i32).
void add_window_params(Kernel& kernel, const Window& window, const Shape& x, const Shape& y);

}  // namespace linnet::gpu

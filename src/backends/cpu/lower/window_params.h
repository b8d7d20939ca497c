// The parameters that the steps of convolutions and pools share, from shapes and windows.
#pragma once

#include "backends/cpu/lower.h"
#include "ops/window.h"

namespace linnet::cpu {

// Sets the sizes of the images that `node` reads (operand 0) and writes, both NHWC.
template <class Params>
void set_images(Params& p, const Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& y = lowering.shape(node.outputs[0]);
  p.batch = static_cast<uint32_t>(x[0]);
  p.in_h = static_cast<uint32_t>(x[1]);
  p.in_w = static_cast<uint32_t>(x[2]);
  p.channels = static_cast<uint32_t>(x[3]);
  p.out_h = static_cast<uint32_t>(y[1]);
  p.out_w = static_cast<uint32_t>(y[2]);
  if constexpr (requires { p.x_rows; }) {
    p.x_rows = lowering.held_rows(node.inputs[0]);
    p.out_rows = lowering.held_rows(node.outputs[0]);
  }
}

template <class Params>
void set_window(Params& p, const Window& window) {
  p.kernel_y = static_cast<uint32_t>(window.y.kernel);
  p.kernel_x = static_cast<uint32_t>(window.x.kernel);
  p.stride_y = static_cast<uint32_t>(window.y.stride);
  p.stride_x = static_cast<uint32_t>(window.x.stride);
  if constexpr (requires { p.dilation_y; }) {
    p.dilation_y = static_cast<uint32_t>(window.y.dilation);
    p.dilation_x = static_cast<uint32_t>(window.x.dilation);
  }
  p.pad_top = window.y.pad_before;
  p.pad_left = window.x.pad_before;
}

}  // namespace linnet::cpu

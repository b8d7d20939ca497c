// Depthwise convolution: an invocation computes several neighbouring pixels of four channels, which share
// what they load.
#include <algorithm>

#include "backends/webgpu/lower.h"
#include "graph/op_def.h"
#include "ops/window.h"

namespace linnet::webgpu {

namespace {

constexpr uint32_t kWorkgroup = 64;
// Wider kernels would make long texts of their unrolled taps.
constexpr int32_t kMostTaps = 7;

// Appends one row of taps: loads, then products. `pixels` results, `kernel` taps.
void append_row_of_taps(std::string& text, uint32_t pixels, const WindowAxis& axis) {
  const auto kernel = static_cast<uint32_t>(axis.kernel), stride = static_cast<uint32_t>(axis.stride),
             dilation = static_cast<uint32_t>(axis.dilation);
  std::vector<uint8_t> loaded((pixels - 1) * stride + (kernel - 1) * dilation + 1);
  for (uint32_t tap = 0; tap < kernel; ++tap) {
    gpu::append(text, "    let w$0 = at4_1(tap + $0u * P.channels);\n", {tap});
    for (uint32_t pixel = 0; pixel < pixels; ++pixel) {
      const uint32_t at = pixel * stride + tap * dilation;
      if (!loaded[at])
        gpu::append(text,
                    "    let v$0 = select(vec4f(0.0), at4_0(line + u32(ix + $0) * P.channels), "
                    "ix + $0 >= 0 && ix + $0 < P.in_w);\n",
                    {at});
      loaded[at] = 1;
      gpu::append(text, "    s$0 = fma(v$1, w$2, s$0);\n", {pixel, at, tap});
    }
  }
}

}  // namespace

Result<bool> Lowering::lower_depthwise_conv2d(const Node& node) {
  const Shape& x = shape(node.inputs[0]);
  const Shape& w = shape(node.inputs[1]);
  const Shape& y = shape(node.outputs[0]);
  if (!gpu::has_float_operands(graph(), node) || x[3] % 4 != 0 || w[3] != 1 || w[1] > kMostTaps) return false;
  const Window window = window_of(node.attrs, x, w[0], w[1]);
  const auto pixels = static_cast<uint32_t>(std::min(window.x.output, 4));
  Kernel kernel;
  add_own_inputs(kernel, node);
  const auto fours = static_cast<uint32_t>(x[3] / 4),
             tiles = (static_cast<uint32_t>(y[2]) + pixels - 1) / pixels;
  const uint32_t count = static_cast<uint32_t>(y[0] * y[1]) * tiles * fours;
  kernel.param("count", count);
  const Grid all = grid(kernel, (count + kWorkgroup - 1) / kWorkgroup, kWorkgroup);
  kernel.param("fours", fours);
  kernel.param("tiles", tiles);
  kernel.param("channels", static_cast<uint32_t>(x[3]));
  kernel.param("out_h", static_cast<uint32_t>(y[1]));
  kernel.param("out_w", static_cast<uint32_t>(y[2]));
  kernel.param_i32("in_h", x[1]);
  kernel.param_i32("in_w", x[2]);
  kernel.param_i32("kernel_y", window.y.kernel);
  kernel.param_i32("stride_y", window.y.stride);
  kernel.param_i32("dilation_y", window.y.dilation);
  kernel.param_i32("pad_top", window.y.pad_before);
  kernel.param_i32("pad_left", window.x.pad_before);

  gpu::add_epilogue_function(*this, kernel, node);
  std::string& text = kernel.text;
  gpu::append(text, R"(@compute @workgroup_size($0) fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.y * P.grid_x + id.x;
  if (i >= P.count) { return; }
  let c = i % P.fours * 4u;
  let ox = i / P.fours % P.tiles * $1u;
  let line_out = i / P.fours / P.tiles;
  let iy = i32(line_out % P.out_h) * P.stride_y - P.pad_top;
  let image = i32(line_out / P.out_h) * P.in_h;
  let ix = i32(ox) * $2 - P.pad_left;
)",
              {kWorkgroup, pixels, window.x.stride});
  gpu::append_each(text, pixels, "  var s$0 = $1;\n", {own_inputs(node) > 2 ? "at4_2(c)" : "vec4f(0.0)"});
  gpu::append(text, R"(  for (var ky = 0; ky < P.kernel_y; ky++) {
    let y = iy + ky * P.dilation_y;
    if (y < 0 || y >= P.in_h) { continue; }
    let line = u32((image + y) * P.in_w) * P.channels + c;
    let tap = u32(ky) * P.channels * $0u + c;
)",
              {window.x.kernel});
  append_row_of_taps(text, pixels, window.x);
  text += "  }\n  let e = (line_out * P.out_w + ox) * P.channels + c;\n";
  gpu::append_each(
      text, pixels,
      "  if (ox + $0u < P.out_w) { put4(e + $0u * P.channels, epilogue(s$0, e + $0u * P.channels)); }\n");
  text += "}\n";
  return emit_entry(kernel, node.outputs[0], Elements::Fours, all);
}

}  // namespace linnet::webgpu

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

// Text for one row of taps: loads, then products. `pixels` results, `kernel` taps.
std::string row_of_taps(uint32_t pixels, const WindowAxis& axis) {
  const auto kernel = static_cast<uint32_t>(axis.kernel), stride = static_cast<uint32_t>(axis.stride),
             dilation = static_cast<uint32_t>(axis.dilation);
  std::string text;
  std::vector<bool> loaded((pixels - 1) * stride + (kernel - 1) * dilation + 1);
  for (uint32_t tap = 0; tap < kernel; ++tap) {
    const std::string t = std::to_string(tap);
    text += "    let w" + t + " = at4_1(tap + " + t + "u * P.channels);\n";
    for (uint32_t pixel = 0; pixel < pixels; ++pixel) {
      const uint32_t at = pixel * stride + tap * dilation;
      const std::string v = "v" + std::to_string(at), s = "s" + std::to_string(pixel), x = std::to_string(at);
      if (!loaded[at])
        text += "    let " + v + " = select(vec4f(0.0), at4_0(line + u32(ix + " + x +
                ") * P.channels), ix + " + x + " >= 0 && ix + " + x + " < P.in_w);\n";
      loaded[at] = true;
      text += "    " + s + " = fma(" + v + ", w" + t + ", " + s + ");\n";
    }
  }
  return text;
}

}  // namespace

Result<bool> lower_depthwise_conv2d(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& w = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  if (!gpu::has_float_operands(lowering.graph(), node) || x[3] % 4 != 0 || w[3] != 1 || w[1] > kMostTaps)
    return false;
  const Window window = window_of(node.attrs, x, w[0], w[1]);
  const auto pixels = static_cast<uint32_t>(std::min(window.x.output, 4));
  Kernel kernel;
  for (int i = 0; i < own_inputs(node); ++i)
    kernel.input(lowering.operand(node.inputs[static_cast<size_t>(i)]));
  const auto fours = static_cast<uint32_t>(x[3] / 4),
             tiles = (static_cast<uint32_t>(y[2]) + pixels - 1) / pixels;
  const uint32_t count = static_cast<uint32_t>(y[0] * y[1]) * tiles * fours;
  const uint32_t groups = (count + kWorkgroup - 1) / kWorkgroup,
                 grid_x = std::min(groups, lowering.target().max_workgroups);
  kernel.param("count", count);
  kernel.param("grid_x", grid_x * kWorkgroup);
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

  std::string body;
  const std::string value = gpu::add_epilogue(lowering, kernel, node, {"raw"}, &body);
  kernel.text += "@fn vec4f epilogue(vec4f raw, u32 e) {\n" + body + "  return " + value + ";\n}\n";
  std::string text = "@compute @workgroup_size(" + std::to_string(kWorkgroup) +
                     R"() fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.y * P.grid_x + id.x;
  if (i >= P.count) { return; }
  let c = i % P.fours * 4u;
  let ox = i / P.fours % P.tiles * )" +
                     std::to_string(pixels) + R"(u;
  let line_out = i / P.fours / P.tiles;
  let iy = i32(line_out % P.out_h) * P.stride_y - P.pad_top;
  let image = i32(line_out / P.out_h) * P.in_h;
  let ix = i32(ox) * )" +
                     std::to_string(window.x.stride) + " - P.pad_left;\n";
  for (uint32_t pixel = 0; pixel < pixels; ++pixel)
    text += "  var s" + std::to_string(pixel) + " = " + (own_inputs(node) > 2 ? "at4_2(c)" : "vec4f(0.0)") +
            ";\n";
  text += R"(  for (var ky = 0; ky < P.kernel_y; ky++) {
    let y = iy + ky * P.dilation_y;
    if (y < 0 || y >= P.in_h) { continue; }
    let line = u32((image + y) * P.in_w) * P.channels + c;
    let tap = u32(ky) * P.channels * )" +
          std::to_string(window.x.kernel) + "u + c;\n" + row_of_taps(pixels, window.x) + "  }\n";
  text += "  let e = (line_out * P.out_w + ox) * P.channels + c;\n";
  for (uint32_t pixel = 0; pixel < pixels; ++pixel) {
    const std::string n = std::to_string(pixel), e = "e + " + n + "u * P.channels";
    text += "  if (ox + " + n + "u < P.out_w) { put4(" + e + ", epilogue(s" + n + ", " + e + ")); }\n";
  }
  kernel.text += text + "}\n";
  TRY(lowering.emit_entry(kernel, node.outputs[0], Elements::Fours,
                          {grid_x, (groups + grid_x - 1) / grid_x, 1}));
  return true;
}

}  // namespace linnet::webgpu

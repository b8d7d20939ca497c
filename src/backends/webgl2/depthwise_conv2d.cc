// Depthwise convolution: a fragment computes four channels of as many neighbouring pixels as its result has
// layers, which share weights and, where rows of both images are of one length, what they fetch.
#include <bit>

#include "backends/webgl2/lower.h"
#include "graph/op_def.h"

namespace linnet::webgl2 {

namespace {

// Wider kernels would make long texts of their unrolled taps.
constexpr int32_t kMostTaps = 7;

std::string number(uint32_t value) {
  return std::to_string(value);
}

// Text of the input's texel of channels `c` of pixel `p`.
std::string fetch_at(const Tensor& x, uint32_t fours, const std::string& p) {
  if (x.layers == 1 || x.unit != fours) return "texel_0(" + p + " * P.fours + c)";
  return "pick_0((" + p + " >> " + number(static_cast<uint32_t>(std::countr_zero(x.layers))) +
         "u) * P.fours + c, i32(" + p + " & " + number(x.layers - 1) + "u))";
}

// `value` where (y, x) lies in the input, else 0. Without a branch, for which emulated GPUs pay dearly.
std::string inside(const std::string& y, const std::string& x, const std::string& value) {
  return "mix(vec4(0.0), " + value + ", bvec4(all(lessThan(uvec2(" + y + ", " + x +
         "), uvec2(P.in_h, P.in_w)))))";
}

// A row of taps of a window that moves by one pixel, over images of one size: the pixels that it needs follow
// each other, those beyond the end of a row too, which count as zero.
std::string shared_taps(const Tensor& x, uint32_t fours, uint32_t layers, const WindowAxis& axis) {
  const auto kernel = static_cast<uint32_t>(axis.kernel);
  std::string text = "    @i32 first = i32(row) + (ky - P.pad_top) * P.in_w - P.pad_left;\n";
  for (uint32_t i = 0; i < layers + kernel - 1; ++i) {
    const std::string n = number(i);
    text += "    @u32 p" + n + " = u32(max(first + " + n + ", 0));\n    @vec4f v" + n + " = " +
            fetch_at(x, fours, "p" + n) + ";\n";
  }
  for (uint32_t tap = 0; tap < kernel; ++tap) {
    text += "    @vec4f w" + number(tap) + " = texel_1(tap + " + number(tap) + "u * P.fours);\n";
    for (uint32_t layer = 0; layer < layers; ++layer) {
      const std::string n = number(layer);
      if (tap == 0) text += "    @u32 line" + n + " = u32(y" + n + " + ky);\n";
      text += "    s" + n + " += " +
              inside("line" + n, "u32(x" + n + " + " + number(tap) + ")", "v" + number(layer + tap)) +
              " * w" + number(tap) + ";\n";
    }
  }
  return text;
}

std::string single_taps(const Tensor& x, uint32_t fours, uint32_t layers, const WindowAxis& axis) {
  std::string text = "    @i32 dy = ky * P.dilation_y;\n";
  for (uint32_t layer = 0; layer < layers; ++layer) {
    const std::string n = number(layer);
    text += "    @u32 a" + n + " = u32(y" + n + " + dy);\n    @i32 line" + n + " = (n" + n + " + y" + n +
            " + dy) * P.in_w + x" + n + ";\n";
  }
  for (uint32_t tap = 0; tap < static_cast<uint32_t>(axis.kernel); ++tap) {
    const std::string k = number(tap), dx = number(tap * static_cast<uint32_t>(axis.dilation));
    text += "    @vec4f w" + k + " = texel_1(tap + " + k + "u * P.fours);\n";
    for (uint32_t layer = 0; layer < layers; ++layer) {
      const std::string n = number(layer), p = "p" + n + "_" + k;
      text += "    @u32 " + p + " = u32(max(line" + n + " + " + dx + ", 0));\n    s" + n +
              " += " + inside("a" + n, "u32(x" + n + " + " + dx + ")", fetch_at(x, fours, p)) + " * w" + k +
              ";\n";
    }
  }
  return text;
}

}  // namespace

bool fits_depthwise(const Graph& graph, const Node& node) {
  if (node.op != Op::depthwise_conv2d || !gpu::has_float_operands(graph, node) ||
      !gpu::is_float(graph.value(node.outputs[0]).dtype))
    return false;
  const Value& x = graph.value(node.inputs[0]);
  const Shape& w = graph.value(node.inputs[1]).shape;
  return !x.is_constant() && x.shape[3] % 4 == 0 && w[3] == 1 && w[1] <= kMostTaps;
}

Result<bool> lower_depthwise_conv2d(Lowering& lowering, const Node& node) {
  if (!fits_depthwise(lowering.graph(), node)) return false;
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& w = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  const Window window = window_of(node.attrs, x, w[0], w[1]);
  const Tensor in = lowering.tensor(lowering.ref(node.inputs[0])),
               out = lowering.tensor(lowering.ref(node.outputs[0]));
  Kernel kernel;
  for (int i = 0; i < own_inputs(node); ++i)
    kernel.input(lowering.operand(node.inputs[static_cast<size_t>(i)]));
  const auto fours = static_cast<uint32_t>(x[3] / 4);
  kernel.param("fours", fours);
  kernel.param("rows", static_cast<uint32_t>(y.elements() / y[3]));
  gpu::add_window_params(kernel, window, x, y);
  std::string body;
  const std::string value = gpu::add_epilogue(lowering, kernel, node, {"raw"}, &body);
  kernel.text += "@fn vec4f epilogue(vec4f raw, u32 e) {\n" + body + "  return " + value + ";\n}\n";

  std::string text =
      "void main() {\n  @u32 t = texel_number();\n  @u32 group = t / P.fours;\n  @u32 c = t - group * "
      "P.fours;\n  @u32 row = group * " +
      number(out.layers) + "u;\n  @vec4f bias = " + (own_inputs(node) > 2 ? "texel_2(c)" : "vec4f(0.0)") +
      ";\n";
  for (uint32_t layer = 0; layer < out.layers; ++layer) text += "  @vec4f s" + number(layer) + " = bias;\n";
  text += window_starts(out.layers);
  const bool shared = window.x.stride == 1 && window.y.stride == 1 && window.x.dilation == 1 &&
                      window.y.dilation == 1 && x[1] == y[1] && x[2] == y[2];
  text +=
      "  for (@i32 ky = 0; ky < P.kernel_y; ky++) {\n    @u32 tap = u32(ky * P.kernel_x) * P.fours + c;\n" +
      (shared ? shared_taps(in, fours, out.layers, window.x) : single_taps(in, fours, out.layers, window.x)) +
      "  }\n";
  for (uint32_t layer = 0; layer < out.layers; ++layer) {
    const std::string n = number(layer);
    text += "  store_" + n + "(epilogue(s" + n + ", ((row + " + n + "u) * P.fours + c) * 4u));\n";
  }
  kernel.text += text + "}\n";
  TRY(lowering.emit_draw(kernel, out));
  return true;
}

}  // namespace linnet::webgl2

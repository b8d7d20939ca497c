// Depthwise convolution: a fragment computes four channels of as many neighbouring pixels as its result has
// layers, which share weights and, where rows of both images are of one length, what they fetch.
#include <bit>

#include "backends/webgl2/epilogue.h"
#include "graph/op_def.h"

namespace linnet::webgl2 {

namespace {

// Wider kernels would make long texts of their unrolled taps.
constexpr int32_t kMostTaps = 7;

// Writes the sums over the taps of the window's rows. What a tap finds outside of the input counts as zero,
// without a branch, for which emulated GPUs pay dearly.
class Taps {
 public:
  Taps(std::string& text, const Tensor& x, uint32_t fours, uint32_t layers, const WindowAxis& axis)
      : text_(text),
        by_pixels_(x.layers > 1 && x.unit == fours),
        in_layers_(x.layers),
        layers_(layers),
        kernel_(static_cast<uint32_t>(axis.kernel)) {}

  // Of a window that moves by one pixel, over images of one size: the pixels that it needs follow each other,
  // those beyond the end of a row too.
  void append_shared() {
    for (uint32_t tap = 0; tap < kernel_; ++tap)
      gpu::append_each(text_, layers_, "  @u32 in$0_$1 = inside(x$0 + $1, P.in_w);\n", {tap});
    text_ += kForRows;
    text_ += "    @i32 first = i32(row) + (ky - P.pad_top) * P.in_w - P.pad_left;\n";
    gpu::append_each(text_, layers_, "    @u32 in$0 = inside(y$0 + ky, P.in_h);\n");
    gpu::append_each(text_, kernel_, "    @vec4f w$0 = texel_1(tap + $0u * P.fours);\n");
    for (uint32_t i = 0; i < layers_ + kernel_ - 1; ++i) {
      gpu::append(text_, "    @u32 p$0 = u32(max(first + $0, 0));\n    @vec4f v$0 = $1;\n", {i, fetch_at(i)});
      for (uint32_t tap = i < layers_ ? 0 : i - layers_ + 1; tap <= i && tap < kernel_; ++tap)
        gpu::append(text_, "    s$0 += keep(v$1, in$0 & in$0_$2) * w$2;\n", {i - tap, i, tap});
    }
    text_ += "  }\n";
  }

  void append_single() {
    text_ += kForRows;
    text_ += "    @i32 dy = ky * P.dilation_y;\n";
    gpu::append_each(text_, layers_,
                     "    @u32 in$0 = inside(y$0 + dy, P.in_h);\n"
                     "    @i32 line$0 = (n$0 + y$0 + dy) * P.in_w + x$0;\n");
    text_ +=
        "    for (@i32 kx = 0; kx < P.kernel_x; kx++) {\n    @i32 dx = kx * P.dilation_x;\n"
        "    @vec4f w = texel_1(tap);\n";
    for (uint32_t layer = 0; layer < layers_; ++layer)
      gpu::append(text_,
                  "    @u32 p$0 = u32(max(line$0 + dx, 0));\n"
                  "    s$0 += keep($1, in$0 & inside(x$0 + dx, P.in_w)) * w;\n",
                  {layer, fetch_at(layer)});
    text_ += "    tap += P.fours;\n    }\n  }\n";
  }

 private:
  static constexpr char kForRows[] =
      "  for (@i32 ky = 0; ky < P.kernel_y; ky++) {\n    @u32 tap = u32(ky * P.kernel_x) * P.fours + c;\n";

  // Text of the input's texel of channels `c` of pixel p<number>.
  std::string fetch_at(uint32_t number) const {
    return gpu::text_of(
        by_pixels_ ? "pick_0((p$0 >> $1u) * P.fours + c, i32(p$0 & $2u))" : "texel_0(p$0 * P.fours + c)",
        {number, std::countr_zero(in_layers_), in_layers_ - 1});
  }

  std::string& text_;
  const bool by_pixels_;
  const uint32_t in_layers_, layers_, kernel_;
};

}  // namespace

bool fits_depthwise(const Graph& graph, const Node& node) {
  if (node.op != Op::depthwise_conv2d || !gpu::has_float_operands(graph, node) ||
      !gpu::is_float(graph.value(node.outputs[0]).dtype))
    return false;
  const Value& x = graph.value(node.inputs[0]);
  const Shape& w = graph.value(node.inputs[1]).shape;
  return !x.is_constant() && x.shape[3] % 4 == 0 && w[3] == 1 && w[1] <= kMostTaps;
}

Result<bool> Lowering::lower_depthwise_conv2d(const Node& node) {
  if (!fits_depthwise(graph(), node)) return false;
  const Shape& x = shape(node.inputs[0]);
  const Shape& w = shape(node.inputs[1]);
  const Shape& y = shape(node.outputs[0]);
  const Window window = window_of(node.attrs, x, w[0], w[1]);
  const Tensor in = tensor(ref(node.inputs[0])), out = tensor(ref(node.outputs[0]));
  Kernel kernel;
  add_own_inputs(kernel, node);
  const auto fours = static_cast<uint32_t>(x[3] / 4);
  kernel.param("fours", fours);
  kernel.param("rows", static_cast<uint32_t>(y.elements() / y[3]));
  gpu::add_window_params(kernel, window, x, y);
  const Epilogue epilogue(*this, kernel, node, false);
  std::string& text = kernel.text;
  gpu::append(text,
              "void main() {\n  @u32 t = texel_number();\n  @u32 group = t / P.fours;\n"
              "  @u32 c = t - group * P.fours;\n  @u32 row = group * $0u;\n  @vec4f bias = $1;\n",
              {out.layers, own_inputs(node) > 2 ? "texel_2(c)" : "vec4f(0.0)"});
  gpu::append_each(text, out.layers, "  @vec4f s$0 = bias;\n");
  append_window_starts(text, out.layers);
  const bool shared = window.x.stride == 1 && window.y.stride == 1 && window.x.dilation == 1 &&
                      window.y.dilation == 1 && x[1] == y[1] && x[2] == y[2];
  Taps taps(text, in, fours, out.layers, window.x);
  shared ? taps.append_shared() : taps.append_single();
  epilogue.append_stores(text, "P.fours", "c");
  text += "}\n";
  return emit_draw(kernel, out);
}

}  // namespace linnet::webgl2

// Convolution and matrix product: a fragment sums four columns (channels) of as many neighbouring pixels as
// its result has layers, so that all of them share each weight that it fetches.
#include "backends/gpu/product.h"

#include <bit>

#include "backends/webgl2/lower.h"
#include "graph/op_def.h"

namespace linnet::webgl2 {

namespace {

std::string number(uint32_t value) {
  return std::to_string(value);
}

class Writer {
 public:
  Writer(Lowering& lowering, const Node& node, const gpu::Product& product)
      : lowering_(lowering),
        node_(node),
        product_(product),
        x_(lowering.tensor(lowering.ref(node.inputs[0]))),
        out_(lowering.tensor(lowering.ref(node.outputs[0]))),
        blocks_((product.columns + 3) / 4),
        // Pixels of the input are as its own tensor counts them, which may have been shaped otherwise.
        by_pixels_(x_.layers > 1 && x_.unit == product.depth4()) {}

  Result<void> emit() {
    kernel_.input(lowering_.operand(node_.inputs[0]));
    const gpu::Operand weights = gpu::add_product_weights(lowering_, node_, product_);
    half_ = weights.dtype == DType::F16;
    kernel_.input(weights);
    if (own_inputs(node_) > 2) kernel_.input(gpu::add_product_bias(lowering_, node_, product_));
    kernel_.param("blocks", blocks_);
    kernel_.param("depth4", product_.depth4());
    kernel_.param("rows", product_.rows);
    std::string body;
    const std::string value = gpu::add_epilogue(lowering_, kernel_, node_, {"raw"}, &body);
    kernel_.text += "@fn vec4f epilogue(vec4f raw, u32 e) {\n" + body + "  return " + value + ";\n}\n";
    write_main();
    return lowering_.emit_draw(kernel_, out_);
  }

 private:
  // The input's texel of four channels `k` of pixel `p`, where that is the pixel's number.
  std::string fetch_at(const std::string& p, const std::string& k) const {
    if (by_pixels_) {
      const std::string shift = number(static_cast<uint32_t>(std::countr_zero(x_.layers)));
      return "pick_0((" + p + " >> " + shift + "u) * P.depth4 + " + k + ", i32(" + p + " & " +
             number(x_.layers - 1) + "u))";
    }
    if (x_.lanes < 4) return "pick_0(" + p + ", 0)";
    return "texel_0(" + p + " * P.depth4 + " + k + ")";
  }

  // Products of v<l> with the weights at `at`, which goes on.
  std::string products() const {
    std::string text;
    for (uint32_t lane = 0; lane < 4; ++lane)
      text += "    @vec4f w" + number(lane) + " = " +
              (half_ ? "texel_1(at + " + number(lane) + "u)"
                     : "texelFetch(w, q + ivec2(" + number(lane) + ", 0), 0)") +
              ";\n";
    for (uint32_t layer = 0; layer < out_.layers; ++layer)
      for (uint32_t lane = 0; lane < 4; ++lane)
        text += "    s" + number(layer) + " += v" + number(layer) + "[" + number(lane) + "] * w" +
                number(lane) + ";\n";
    return text + "    at += 4u;\n";
  }

  std::string next_weights() const {
    return half_ ? ""
                 : "    ivec2 q = ivec2(at & " + number(gpu::kWeightsWidth - 1) + "u, at >> " +
                       number(static_cast<uint32_t>(std::countr_zero(gpu::kWeightsWidth))) + "u);\n";
  }

  std::string plain_loop() const {
    std::string text;
    // Groups of pixels are the same in both tensors: one place, all layers.
    const bool same = by_pixels_ && x_.layers == out_.layers;
    for (uint32_t layer = 0; layer < out_.layers && !same; ++layer)
      text += "  @u32 p" + number(layer) + " = min(row + " + number(layer) + "u, P.rows - 1u);\n";
    text += "  for (@u32 k = 0u; k < P.depth4; k++) {\n" + next_weights();
    if (same) text += "    @u32 i = group * P.depth4 + k;\n";
    for (uint32_t layer = 0; layer < out_.layers; ++layer)
      text += "    @vec4f v" + number(layer) + " = " +
              (same ? "pick_0(i, " + number(layer) + ")" : fetch_at("p" + number(layer), "k")) + ";\n";
    return text + products() + "  }\n";
  }

  std::string window_loop() {
    gpu::add_window_params(kernel_, *product_.window, lowering_.shape(node_.inputs[0]),
                           lowering_.shape(node_.outputs[0]));
    std::string text = window_starts(out_.layers);
    text +=
        "  for (@i32 ky = 0; ky < P.kernel_y; ky++) {\n  for (@i32 kx = 0; kx < P.kernel_x; kx++) {\n"
        "    @i32 dy = ky * P.dilation_y;\n    @i32 dx = kx * P.dilation_x;\n";
    for (uint32_t layer = 0; layer < out_.layers; ++layer) {
      const std::string n = number(layer);
      text += "    @i32 a" + n + " = y" + n + " + dy;\n    @i32 b" + n + " = x" + n + " + dx;\n    bvec4 in" +
              n + " = bvec4(all(lessThan(uvec2(a" + n + ", b" + n +
              "), uvec2(P.in_h, P.in_w))));\n    @u32 p" + n + " = u32(max((n" + n + " + a" + n +
              ") * P.in_w + b" + n + ", 0));\n";
    }
    text += "    for (@u32 k = 0u; k < P.depth4; k++) {\n" + next_weights();
    for (uint32_t layer = 0; layer < out_.layers; ++layer) {
      const std::string n = number(layer);
      text += "    @vec4f v" + n + " = mix(vec4(0.0), " + fetch_at("p" + n, "k") + ", in" + n + ");\n";
    }
    return text + products() + "    }\n  }\n  }\n";
  }

  void write_main() {
    const std::string layers = number(out_.layers);
    std::string text =
        "void main() {\n  @u32 t = texel_number();\n  @u32 group = t / P.blocks;\n"
        "  @u32 block = t - group * P.blocks;\n  @u32 row = group * " +
        layers + "u;\n  @u32 at = " + (half_ ? "" : "P.base1 + ") + "block * P.depth4 * 4u" +
        (product_.window ? " * u32(P.kernel_y * P.kernel_x)" : "") +
        ";\n  @vec4f bias = " + (own_inputs(node_) > 2 ? "texel_2(block)" : "vec4f(0.0)") + ";\n";
    for (uint32_t layer = 0; layer < out_.layers; ++layer)
      text += "  @vec4f s" + number(layer) + " = bias;\n";
    text += product_.window ? window_loop() : plain_loop();
    for (uint32_t layer = 0; layer < out_.layers; ++layer) {
      const std::string n = number(layer);
      text += "  store_" + n + "(epilogue(s" + n + ", ((row + " + n + "u) * P.blocks + block) * 4u));\n";
    }
    kernel_.text += text + "}\n";
  }

  Lowering& lowering_;
  const Node& node_;
  const gpu::Product& product_;
  const Tensor x_;
  const Tensor out_;
  const uint32_t blocks_;
  const bool by_pixels_;
  bool half_ = false;  // weights are f16
  Kernel kernel_;
};

}  // namespace

std::optional<gpu::Product> fits_tiles(const Graph& graph, const Node& node) {
  auto product = gpu::product_of(graph, node);
  if (!product) return {};
  const Value& x = graph.value(node.inputs[0]);
  // An image of one to three channels has a pixel in each texel.
  const bool narrow =
      node.op == Op::conv2d && x.producer == kNone && x.dtype == DType::F32 && product->channels < 4;
  if (x.is_constant() || !gpu::is_float(x.dtype) || (product->channels % 4 != 0 && !narrow)) return {};
  // Rows begin with a texel.
  if (product->columns % 4 != 0 && product->rows != 1) return {};
  return product;
}

Result<bool> lower_product(Lowering& lowering, const Node& node) {
  const auto product = fits_tiles(lowering.graph(), node);
  if (!product) return false;
  TRY(Writer(lowering, node, *product).emit());
  return true;
}

}  // namespace linnet::webgl2

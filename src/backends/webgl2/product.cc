// Convolution and matrix product: a fragment sums four columns (channels) of as many neighbouring pixels as
// its result has layers, so that all of them share each weight that it fetches.
#include "backends/gpu/product.h"

#include <bit>

#include "backends/webgl2/epilogue.h"
#include "graph/op_def.h"

namespace linnet::webgl2 {

namespace {

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

  Result<bool> emit() {
    kernel_.input(lowering_.operand(node_.inputs[0]));
    const gpu::Operand weights = gpu::add_product_weights(lowering_, node_, product_);
    half_ = weights.dtype == DType::F16;
    kernel_.input(weights);
    if (own_inputs(node_) > 2) kernel_.input(gpu::add_product_bias(lowering_, node_, product_));
    kernel_.param("blocks", blocks_);
    kernel_.param("depth4", product_.depth4());
    kernel_.param("rows", product_.rows);
    write_main(Epilogue(lowering_, kernel_, node_, same_groups() && lowering_.has_sums()));
    return lowering_.emit_draw(kernel_, out_);
  }

 private:
  // The input's texel of four channels `k` of pixel `p`<number>, where that is the pixel's number.
  std::string fetch_at(uint32_t number) const {
    const char* pattern = x_.lanes < 4 ? "pick_0(p$0, 0)" : "texel_0(p$0 * P.depth4 + k)";
    if (by_pixels_) pattern = "pick_0((p$0 >> $1u) * P.depth4 + k, i32(p$0 & $2u))";
    return gpu::text_of(pattern, {number, std::countr_zero(x_.layers), x_.layers - 1});
  }

  // Groups of pixels are the same in both tensors: one place, all layers.
  bool same_groups() const { return !product_.window && by_pixels_ && x_.layers == out_.layers; }

  // Products of `value(l)`, the text of layer l's, with the weights at `at`, which goes on. Each value is
  // used at once: the more of them wait, the longer emulated GPUs take to compile.
  template <class Value>
  void append_products(std::string& text, Value value) const {
    gpu::append_each(text, 4,
                     half_ ? "    @vec4f w$0 = texel_1(at + $0u);\n"
                           : "    @vec4f w$0 = texelFetch(w, q + ivec2($0, 0), 0);\n");
    for (uint32_t layer = 0; layer < out_.layers; ++layer) {
      gpu::append(text, "    @vec4f v$0 = $1;\n", {layer, value(layer)});
      gpu::append_each(text, 4, "    s$1 += v$1[$0] * w$0;\n", {layer});
    }
    text += "    at += 4u;\n";
  }

  void append_next_weights(std::string& text) const {
    if (!half_)
      gpu::append(text, "    ivec2 q = ivec2(at & $0u, at >> $1u);\n",
                  {gpu::kWeightsWidth - 1, std::countr_zero(gpu::kWeightsWidth)});
  }

  void append_plain_loop(std::string& text) const {
    const bool same = same_groups();
    if (!same) gpu::append_each(text, out_.layers, "  @u32 p$0 = min(row + $0u, P.rows - 1u);\n");
    text += "  for (@u32 k = 0u; k < P.depth4; k++) {\n";
    append_next_weights(text);
    if (same) text += "    @u32 i = group * P.depth4 + k;\n";
    append_products(text, [&](uint32_t layer) {
      return same ? gpu::text_of("pick_0(i, $0)", {layer}) : fetch_at(layer);
    });
    text += "  }\n";
  }

  void append_window_loop(std::string& text) {
    gpu::add_window_params(kernel_, *product_.window, lowering_.shape(node_.inputs[0]),
                           lowering_.shape(node_.outputs[0]));
    append_window_starts(text, out_.layers);
    text +=
        "  for (@i32 ky = 0; ky < P.kernel_y; ky++) {\n  for (@i32 kx = 0; kx < P.kernel_x; kx++) {\n"
        "    @i32 dy = ky * P.dilation_y;\n    @i32 dx = kx * P.dilation_x;\n";
    gpu::append_each(text, out_.layers,
                     "    @i32 a$0 = y$0 + dy;\n    @i32 b$0 = x$0 + dx;\n"
                     "    @u32 in$0 = inside(a$0, P.in_h) & inside(b$0, P.in_w);\n"
                     "    @u32 p$0 = u32(max((n$0 + a$0) * P.in_w + b$0, 0));\n");
    text += "    for (@u32 k = 0u; k < P.depth4; k++) {\n";
    append_next_weights(text);
    append_products(text, [&](uint32_t layer) {
      return gpu::text_of("keep($1, in$0)", {layer, fetch_at(layer)});
    });
    text += "    }\n  }\n  }\n";
  }

  void write_main(const Epilogue& epilogue) {
    std::string& text = kernel_.text;
    gpu::append(
        text,
        "void main() {\n  @u32 t = texel_number();\n  @u32 group = t / P.blocks;\n"
        "  @u32 block = t - group * P.blocks;\n  @u32 row = group * $0u;\n"
        "  @u32 at = $1block * P.depth4 * 4u$2;\n  @vec4f bias = $3;\n",
        {out_.layers, half_ ? "" : "P.base1 + ", product_.window ? " * u32(P.kernel_y * P.kernel_x)" : "",
         own_inputs(node_) > 2 ? "texel_2(block)" : "vec4f(0.0)"});
    gpu::append_each(text, out_.layers, "  @vec4f s$0 = bias;\n");
    product_.window ? append_window_loop(text) : append_plain_loop(text);
    epilogue.append_stores(text, "P.blocks", "block");
    text += "}\n";
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

Result<bool> Lowering::lower_product(const Node& node) {
  const auto product = fits_tiles(graph(), node);
  if (!product) return false;
  return Writer(*this, node, *product).emit();
}

}  // namespace linnet::webgl2

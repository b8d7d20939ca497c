#include "backends/webgpu/tile.h"

#include <algorithm>

#include "graph/op_def.h"

namespace linnet::webgpu {

namespace {

// What one invocation computes. Invocations count through the columns first.
struct Tile {
  uint32_t rows;
  uint32_t fours;  // columns, in vec4f
};
constexpr uint32_t kWorkgroup = 64;

Tile choose_tile(const gpu::Target& target, const TiledProduct& product) {
  Tile tile{target.software && product.window == nullptr ? 8u : 4u, 1};
  // Rows that are not there cost as much as those that are.
  while (tile.rows > 1 && tile.rows >= 2 * product.rows) tile.rows /= 2;
  return tile;
}

std::string number(uint32_t value) {
  return std::to_string(value);
}

class Writer {
 public:
  Writer(Lowering& lowering, const Node& node, const TiledProduct& product)
      : lowering_(lowering),
        node_(node),
        product_(product),
        tile_(choose_tile(lowering.target(), product)),
        fours_(product.channels % 4 == 0 && product.columns % 4 == 0),
        blocks_((product.columns + 4 * tile_.fours - 1) / (4 * tile_.fours)),
        depth4_((product.channels + 3) / 4),
        half_(computes_halves()) {}

  Result<void> emit() {
    kernel_.input(lowering_.operand(node_.inputs[0]));
    kernel_.input(pack_weights());
    has_bias_ = own_inputs(node_) > 2;
    if (has_bias_) kernel_.input(pack_bias());
    kernel_.param("rows", product_.rows);
    kernel_.param("columns", product_.columns);
    kernel_.param("blocks", blocks_);
    kernel_.param("channels", product_.channels);
    kernel_.param("depth4", depth4_);
    const uint32_t count = (product_.rows + tile_.rows - 1) / tile_.rows * blocks_;
    const uint32_t groups = (count + kWorkgroup - 1) / kWorkgroup;
    const uint32_t x = std::min(groups, lowering_.target().max_workgroups);
    kernel_.param("grid_x", x * kWorkgroup);
    write_input();
    write_store();
    write_main();
    return lowering_.emit_entry(kernel_, node_.outputs[0], fours_ ? Elements::Fours : Elements::Single,
                                {x, (groups + x - 1) / x, 1});
  }

 private:
  // Are all tensors f16, and can products be too?
  bool computes_halves() const {
    if (!lowering_.target().f16_arithmetic || !fours_) return false;
    for (const std::vector<ValueId>* values : {&node_.inputs, &node_.outputs})
      for (ValueId id : *values)
        if (!lowering_.graph().value(id).is_constant() && lowering_.dtype(id) != DType::F16) return false;
    return true;
  }

  uint32_t taps() const {
    return product_.window == nullptr
               ? 1
               : static_cast<uint32_t>(product_.window->y.kernel * product_.window->x.kernel);
  }

  // In the order in which an invocation reads them: for each block of columns, tap and four channels, four
  // (channels) times `fours` vec4f of columns.
  gpu::Operand pack_weights() {
    const uint32_t width = 4 * tile_.fours, depth = 4 * depth4_, taps = this->taps();
    const uint32_t channels = product_.channels, columns = product_.columns;
    const auto from = [=, at = product_.weight_at](uint32_t i) {
      const uint32_t channel = i / width % depth, tap = i / width / depth % taps,
                     column = i / width / depth / taps * width + i % width;
      return channel < channels && column < columns ? at(tap, channel, column) : kNone;
    };
    return lowering_.pack_weights(node_.inputs[1], uint64_t{blocks_} * taps * depth * width, from);
  }

  gpu::Operand pack_bias() {
    return lowering_.pack_weights(
        node_.inputs[2], uint64_t{blocks_} * tile_.fours * 4,
        [columns = product_.columns](uint32_t i) { return i < columns ? i : kNone; });
  }

  // Four channels of the input from element `e`, the first of them channel `c`.
  void write_input() {
    kernel_.text += product_.channels % 4 == 0 ? "fn load4(e: u32, c: u32) -> vec4f { return at4_0(e); }\n"
                                               : R"(fn load4(e: u32, c: u32) -> vec4f {
  return vec4f(at_0(e), select(0.0, at_0(e + 1u), c + 1u < P.channels),
               select(0.0, at_0(e + 2u), c + 2u < P.channels), select(0.0, at_0(e + 3u), c + 3u < P.channels));
}
)";
  }

  void write_store() {
    std::string body;
    const std::string value = gpu::add_epilogue(lowering_, kernel_, node_, {"raw"}, &body);
    kernel_.text += "@fn vec4f epilogue(vec4f raw, u32 e) {\n" + body + "  return " + value + ";\n}\n";
    kernel_.text += product_.columns % 4 == 0 ? R"(fn store(row: u32, column: u32, raw: vec4f) {
  let e = row * P.columns + column;
  if (row < P.rows && column < P.columns) { put4(e, epilogue(raw, e)); }
}
)"
                                              : R"(fn store(row: u32, column: u32, raw: vec4f) {
  if (row >= P.rows) { return; }
  let e = row * P.columns + column;
  let value = epilogue(raw, e);
  put(e, value.x);
  if (column + 1u < P.columns) { put(e + 1u, value.y); }
  if (column + 2u < P.columns) { put(e + 2u, value.z); }
  if (column + 3u < P.columns) { put(e + 3u, value.w); }
}
)";
  }

  // Where row i of the tile begins in the input: `e<i>`, for a product; pixel `y<i>`, `x<i>` of image row
  // `n<i>`, for a convolution.
  std::string row_starts() {
    std::string text;
    for (uint32_t i = 0; i < tile_.rows; ++i) {
      const std::string n = number(i), row = "min(row + " + n + "u, P.rows - 1u)";
      if (product_.window == nullptr) {
        text += "  let e" + n + " = " + row + " * P.channels;\n";
        continue;
      }
      text += "  let p" + n + " = " + row + ";\n  let x" + n + " = i32(p" + n +
              " % P.out_w) * P.stride_x - P.pad_left;\n  let y" + n + " = i32(p" + n +
              " / P.out_w % P.out_h) * P.stride_y - P.pad_top;\n  let n" + n + " = i32(p" + n +
              " / P.out_w / P.out_h) * P.in_h;\n";
    }
    return text;
  }

  std::string sums() {
    std::string text = "  for (var k = 0u; k < P.depth4; k++) {\n";
    for (uint32_t j = 0; j < 4 * tile_.fours; ++j)
      text += "    let w" + number(j) + (half_ ? " = half_weights4(at + " : " = weights4(at + ") + number(j) +
              "u);\n";
    text += "    at += " + number(4 * tile_.fours) + "u;\n";
    const std::string type = half_ ? "vec4h" : "vec4f";
    for (uint32_t i = 0; i < tile_.rows; ++i) {
      const std::string n = number(i), load = (half_ ? "half4_0(e" : "load4(e") + n + " + k * 4u" +
                                              (half_ ? ")" : ", k * 4u)");
      text += "    let v" + n + " = " +
              (product_.window == nullptr ? load : "select(" + type + "(0), " + load + ", inside" + n + ")") +
              ";\n";
      for (uint32_t j = 0; j < tile_.fours; ++j) text += add_products(n, j, type);
    }
    return text + "  }\n";
  }

  // Four channels' products, added to sum j of row `n`. In f16 they are added up first: sums are f32.
  std::string add_products(const std::string& n, uint32_t j, const std::string& type) {
    std::string text;
    const std::string sum = "s" + n + "_" + number(j);
    for (uint32_t lane = 0; lane < 4; ++lane) {
      const std::string factors =
          type + "(v" + n + "[" + number(lane) + "]), w" + number(lane * tile_.fours + j);
      if (!half_)
        text += "    " + sum + " = fma(" + factors + ", " + sum + ");\n";
      else
        text = "fma(" + factors + ", " + (lane == 0 ? "vec4h()" : text) + ")";
    }
    return half_ ? "    " + sum + " += vec4f(" + text + ");\n" : text;
  }

  std::string taps_around(const std::string& inner) {
    std::string text =
        "  for (var ky = 0; ky < P.kernel_y; ky++) {\n  for (var kx = 0; kx < P.kernel_x; kx++) {\n";
    for (uint32_t i = 0; i < tile_.rows; ++i) {
      const std::string n = number(i), y = "ty" + n, x = "tx" + n;
      text += "  let " + y + " = y" + n + " + ky * P.dilation_y;\n  let " + x + " = x" + n +
              " + kx * P.dilation_x;\n  let inside" + n + " = " + y + " >= 0 && " + y + " < P.in_h && " + x +
              " >= 0 && " + x + " < P.in_w;\n  let e" + n + " = u32((n" + n + " + " + y + ") * P.in_w + " +
              x + ") * P.channels;\n";
    }
    return text + inner + "  }\n  }\n";
  }

  void add_window_params() {
    const Window& window = *product_.window;
    kernel_.param("out_h", static_cast<uint32_t>(window.y.output));
    kernel_.param("out_w", static_cast<uint32_t>(window.x.output));
    kernel_.param_i32("in_h", window.y.input);
    kernel_.param_i32("in_w", window.x.input);
    kernel_.param_i32("kernel_y", window.y.kernel);
    kernel_.param_i32("kernel_x", window.x.kernel);
    kernel_.param_i32("stride_y", window.y.stride);
    kernel_.param_i32("stride_x", window.x.stride);
    kernel_.param_i32("dilation_y", window.y.dilation);
    kernel_.param_i32("dilation_x", window.x.dilation);
    kernel_.param_i32("pad_top", window.y.pad_before);
    kernel_.param_i32("pad_left", window.x.pad_before);
    kernel_.param("taps", taps());
  }

  void write_main() {
    std::string text = "@compute @workgroup_size(" + number(kWorkgroup) +
                       ") fn main(@builtin(global_invocation_id) id: vec3u) {\n"
                       "  let i = id.y * P.grid_x + id.x;\n  let block = i % P.blocks;\n"
                       "  let row = i / P.blocks * " +
                       number(tile_.rows) + "u;\n  if (row >= P.rows) { return; }\n  let column = block * " +
                       number(4 * tile_.fours) + "u;\n";
    if (product_.window != nullptr) add_window_params();
    text += "  var at = P.base1 + block * P.depth4 * " + number(4 * tile_.fours) + "u" +
            (product_.window == nullptr ? "" : " * P.taps") + ";\n" + row_starts();
    for (uint32_t j = 0; j < tile_.fours; ++j)
      text += "  let bias" + number(j) + " = " +
              (has_bias_ ? "weights4(P.base2 + block * " + number(tile_.fours) + "u + " + number(j) + "u)"
                         : "vec4f(0.0)") +
              ";\n";
    for (uint32_t i = 0; i < tile_.rows; ++i)
      for (uint32_t j = 0; j < tile_.fours; ++j)
        text += "  var s" + number(i) + "_" + number(j) + " = bias" + number(j) + ";\n";
    text += product_.window == nullptr ? sums() : taps_around(sums());
    for (uint32_t i = 0; i < tile_.rows; ++i)
      for (uint32_t j = 0; j < tile_.fours; ++j)
        text += "  store(row + " + number(i) + "u, column + " + number(4 * j) + "u, s" + number(i) + "_" +
                number(j) + ");\n";
    kernel_.text += text + "}\n";
  }

  Lowering& lowering_;
  const Node& node_;
  const TiledProduct& product_;
  const Tile tile_;
  const bool fours_;  // the arena is read and written four elements at a time
  const uint32_t blocks_;
  const uint32_t depth4_;
  const bool half_;  // products are f16
  bool has_bias_ = false;
  Kernel kernel_;
};

}  // namespace

Result<void> emit_tiled(Lowering& lowering, const Node& node, const TiledProduct& product) {
  return Writer(lowering, node, product).emit();
}

}  // namespace linnet::webgpu

// Convolutions and matrix products with constant weights.
#include "backends/gpu/product.h"

#include <algorithm>

#include "backends/webgpu/lower.h"
#include "graph/op_def.h"

namespace linnet::webgpu {

namespace {

constexpr uint32_t kWorkgroup = 64;

// How invocations come by what they multiply.
enum class Sharing : uint8_t {
  // Each loads all it needs.
  None,
  // Four lanes of a subgroup, which compute different columns of the same rows, load different rows and
  // broadcast them: an emulated GPU loads lane by lane.
  Lanes,
  // A workgroup loads rows and weights into its memory.
  Workgroup,
};

Sharing choose_sharing(const gpu::Target& target, const gpu::Product& product) {
  if (!target.software)
    return product.rows >= 16 && product.columns >= 16 ? Sharing::Workgroup : Sharing::None;
  const bool fits = product.rows > 2 && product.columns % 16 == 0;
  return fits && target.min_subgroup == 4 && target.max_subgroup == 4 ? Sharing::Lanes : Sharing::None;
}

// Rows that one invocation computes, of four columns. Invocations count through the columns first.
uint32_t choose_rows(const gpu::Target& target, const gpu::Product& product, Sharing sharing) {
  const bool lanes = sharing == Sharing::Lanes;
  uint32_t rows = lanes || (target.software && !product.window) ? 8 : 4;
  // Rows that are not there cost as much as those that are.
  while (rows > (lanes ? 4 : 1) && rows >= 2 * product.rows) rows /= 2;
  return rows;
}

class Writer {
 public:
  Writer(Lowering& lowering, const Node& node, const gpu::Product& product)
      : lowering_(lowering),
        node_(node),
        product_(product),
        sharing_(choose_sharing(lowering.target(), product)),
        tile_rows_(choose_rows(lowering.target(), product, sharing_)),
        loads_(sharing_ == Sharing::Lanes ? tile_rows_ / 4 : tile_rows_),
        fours_(product.channels % 4 == 0 && product.columns % 4 == 0),
        blocks_((product.columns + 3) / 4),
        depth4_(product.depth4()),
        half_(computes_halves()) {}

  Result<bool> emit() {
    kernel_.input(lowering_.operand(node_.inputs[0]));
    kernel_.input(gpu::add_product_weights(lowering_, node_, product_));
    has_bias_ = own_inputs(node_) > 2;
    if (has_bias_) kernel_.input(gpu::add_product_bias(lowering_, node_, product_));
    kernel_.param("rows", product_.rows);
    kernel_.param("columns", product_.columns);
    kernel_.param("blocks", blocks_);
    kernel_.param("channels", product_.channels);
    kernel_.param("depth4", depth4_);
    kernel_.param("taps", product_.taps());
    if (product_.window)
      gpu::add_window_params(kernel_, *product_.window, lowering_.shape(node_.inputs[0]),
                             lowering_.shape(node_.outputs[0]));
    add_input();
    add_store();
    return sharing_ == Sharing::Workgroup ? emit_shared() : emit_registers();
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

  const char* type() const { return half_ ? "vec4h" : "vec4f"; }

  const char* bias() const { return has_bias_ ? "weights4(P.base2 + block)" : "vec4f(0.0)"; }

  // Four channels of the input from element `e`, the first of them channel `c`.
  void add_input() {
    kernel_.text += product_.channels % 4 == 0 ? "fn load4(e: u32, c: u32) -> vec4f { return at4_0(e); }\n"
                                               : R"(fn load4(e: u32, c: u32) -> vec4f {
  return vec4f(at_0(e), select(0.0, at_0(e + 1u), c + 1u < P.channels),
               select(0.0, at_0(e + 2u), c + 2u < P.channels), select(0.0, at_0(e + 3u), c + 3u < P.channels));
}
)";
  }

  void add_store() {
    gpu::add_epilogue_function(lowering_, kernel_, node_);
    kernel_.text += product_.columns % 4 == 0 ? R"(fn store(row: u32, column: u32, raw: vec4f) {
  let e = row * P.columns + column;
  if (row < P.rows && column < P.columns) { put4(e, epilogue(raw, e)); }
}
)"
                                              : R"(fn store(row: u32, column: u32, raw: vec4f) {
  if (row >= P.rows || column >= P.columns) { return; }
  let e = row * P.columns + column;
  let value = epilogue(raw, e);
  put(e, value.x);
  if (column + 1u < P.columns) { put(e + 1u, value.y); }
  if (column + 2u < P.columns) { put(e + 2u, value.z); }
  if (column + 3u < P.columns) { put(e + 3u, value.w); }
}
)";
  }

  // Where the i-th row that an invocation loads begins in the input: `e<i>`, for a product; pixel `y<i>`,
  // `x<i>` of image row `n<i>`, for a convolution.
  void append_row_starts(std::string& text) {
    const bool lanes = sharing_ == Sharing::Lanes;
    for (uint32_t i = 0; i < loads_; ++i)
      gpu::append(text,
                  !product_.window ? "  let e$0 = min(row + $1u$2, P.rows - 1u) * P.channels;\n"
                                   : "  let p$0 = min(row + $1u$2, P.rows - 1u);\n"
                                     "  let x$0 = i32(p$0 % P.out_w) * P.stride_x - P.pad_left;\n"
                                     "  let y$0 = i32(p$0 / P.out_w % P.out_h) * P.stride_y - P.pad_top;\n"
                                     "  let n$0 = i32(p$0 / P.out_w / P.out_h) * P.in_h;\n",
                  {i, lanes ? 4 * i : i, lanes ? " + lane" : ""});
  }

  void append_sums(std::string& text) {
    text += "  for (var k = 0u; k < P.depth4; k++) {\n";
    const char* load = half_ ? "half4_0(e$0 + k * 4u)" : "load4(e$0 + k * 4u, k * 4u)";
    for (uint32_t i = 0; i < loads_; ++i)
      gpu::append(text,
                  product_.window ? "    let v$0 = select($1(0), $2, inside$0);\n" : "    let v$0 = $2;\n",
                  {i, type(), gpu::text_of(load, {i})});
    append_products(text);
    text += "  }\n";
  }

  // Four channels' products. In f16 they are added up first: sums are f32.
  void append_products(std::string& text) {
    gpu::append_each(text, 4, "    let w$0 = $1weights4(at + $0u);\n", {half_ ? "half_" : ""});
    text += "    at += 4u;\n";
    const bool lanes = sharing_ == Sharing::Lanes;
    for (uint32_t i = 0; i < tile_rows_; ++i) {
      if (lanes) gpu::append(text, "    let b$0 = subgroupBroadcast(v$1, $2u);\n", {i, i / 4, i % 4});
      gpu::append(
          text,
          half_ ? "    s$0 += vec4f(fma(vec4h($1$0[3]), w3, fma(vec4h($1$0[2]), w2, fma(vec4h($1$0[1]), w1, "
                  "fma(vec4h($1$0[0]), w0, vec4h())))));\n"
                : "    s$0 = fma(vec4f($1$0[0]), w0, s$0);\n    s$0 = fma(vec4f($1$0[1]), w1, s$0);\n"
                  "    s$0 = fma(vec4f($1$0[2]), w2, s$0);\n    s$0 = fma(vec4f($1$0[3]), w3, s$0);\n",
          {i, lanes ? "b" : "v"});
    }
  }

  void append_taps(std::string& text) {
    text += "  for (var ky = 0; ky < P.kernel_y; ky++) {\n  for (var kx = 0; kx < P.kernel_x; kx++) {\n";
    gpu::append_each(text, loads_,
                     "  let ty$0 = y$0 + ky * P.dilation_y;\n  let tx$0 = x$0 + kx * P.dilation_x;\n"
                     "  let inside$0 = ty$0 >= 0 && ty$0 < P.in_h && tx$0 >= 0 && tx$0 < P.in_w;\n"
                     "  let e$0 = u32((n$0 + ty$0) * P.in_w + tx$0) * P.channels;\n");
    append_sums(text);
    text += "  }\n  }\n";
  }

  Result<bool> emit_registers() {
    std::string& text = kernel_.text;
    gpu::append(text,
                "@compute @workgroup_size($0) fn main(@builtin(global_invocation_id) id: vec3u$1) {\n"
                "  let i = id.y * P.grid_x + id.x;\n  let block = i % P.blocks;\n"
                "  let row = i / P.blocks * $2u;\n  if (row >= P.rows) { return; }\n"
                "  var at = P.base1 + block * P.depth4 * 4u * P.taps;\n",
                {kWorkgroup, sharing_ == Sharing::Lanes ? ", @builtin(subgroup_invocation_id) lane: u32" : "",
                 tile_rows_});
    append_row_starts(text);
    gpu::append(text, "  let bias = $0;\n", {bias()});
    gpu::append_each(text, tile_rows_, "  var s$0 = bias;\n");
    product_.window ? append_taps(text) : append_sums(text);
    gpu::append_each(text, tile_rows_, "  store(row + $0u, block * 4u, s$0);\n");
    text += "}\n";
    const uint32_t count = (product_.rows + tile_rows_ - 1) / tile_rows_ * blocks_;
    return emit((count + kWorkgroup - 1) / kWorkgroup, kWorkgroup);
  }

  // 8 times 8 invocations of four rows and a block of columns each. For a tap and 16 channels at a time they
  // load the rows and weights of all.
  Result<bool> emit_shared() {
    gpu::append(
        kernel_.text, R"(alias X4 = $0;
fn weight(i: u32) -> X4 { return $1weights4(i); }
fn bias(block: u32) -> vec4f { return $2; }
fn load(row: u32, tap: u32, k: u32) -> X4 {
  if (row >= P.rows || k >= P.depth4) { return X4(0); }
$3 + k * 4u;
  return $4;
}
var<workgroup> xs: array<X4, 128>;
var<workgroup> ws: array<X4, 128>;
@compute @workgroup_size(64) fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = group.y * P.grid_x + group.x;
  let first_row = tile / P.tiles * 32u;
  let first_block = tile % P.tiles * 8u;
  let row = first_row + local / 8u * 4u;
  let block = first_block + local % 8u;
  var sums: array<vec4f, 4>;
  for (var r = 0u; r < 4u; r++) { sums[r] = bias(min(block, P.blocks - 1u)); }
  for (var tap = 0u; tap < P.taps; tap++) {
    for (var k = 0u; k < P.depth4; k += 4u) {
      workgroupBarrier();
      for (var j = local; j < 128u; j += 64u) {
        xs[j] = load(first_row + j / 4u, tap, k + j % 4u);
        let b = first_block + j / 16u;
        let c = k * 4u + j % 16u;
        ws[j] = X4(0);
        if (b < P.blocks && c < P.depth4 * 4u) { ws[j] = weight(P.base1 + (b * P.taps + tap) * P.depth4 * 4u + c); }
      }
      workgroupBarrier();
      for (var c = 0u; c < 4u; c++) {
        let w = local % 8u * 16u + c * 4u;
        for (var r = 0u; r < 4u; r++) {
          let x = xs[(local / 8u * 4u + r) * 4u + c];
          sums[r] += vec4f(fma(X4(x.w), ws[w + 3u], fma(X4(x.z), ws[w + 2u], fma(X4(x.y), ws[w + 1u], X4(x.x) * ws[w]))));
        }
      }
    }
  }
  for (var r = 0u; r < 4u; r++) { store(row + r, block * 4u, sums[r]); }
}
)",
        {type(), half_ ? "half_" : "", bias(),
         !product_.window
             ? "  let e = row * P.channels"
             : R"(  let x = i32(row % P.out_w) * P.stride_x - P.pad_left + i32(tap) % P.kernel_x * P.dilation_x;
  let y = i32(row / P.out_w % P.out_h) * P.stride_y - P.pad_top + i32(tap) / P.kernel_x * P.dilation_y;
  if (x < 0 || x >= P.in_w || y < 0 || y >= P.in_h) { return X4(0); }
  let e = u32((i32(row / P.out_w / P.out_h) * P.in_h + y) * P.in_w + x) * P.channels)",
         half_ ? "half4_0(e)" : "load4(e, k * 4u)"});
    const uint32_t tiles = (blocks_ + 7) / 8;
    kernel_.param("tiles", tiles);
    return emit((product_.rows + 31) / 32 * tiles, 1);
  }

  // Dispatches `groups`; along x the shader counts `unit` for each.
  Result<bool> emit(uint32_t groups, uint32_t unit) {
    return lowering_.emit_entry(kernel_, node_.outputs[0], fours_ ? Elements::Fours : Elements::Single,
                                lowering_.grid(kernel_, groups, unit));
  }

  Lowering& lowering_;
  const Node& node_;
  const gpu::Product& product_;
  const Sharing sharing_;
  const uint32_t tile_rows_;
  const uint32_t loads_;  // rows that one invocation loads
  const bool fours_;      // the arena is read and written four elements at a time
  const uint32_t blocks_;
  const uint32_t depth4_;
  const bool half_;  // products are f16
  bool has_bias_ = false;
  Kernel kernel_;
};

}  // namespace

// By the tiled kernel: an invocation sums a tile of rows (pixels) x columns (output channels) in registers.
Result<bool> Lowering::lower_product(const Node& node) {
  const auto product = gpu::product_of(graph(), node);
  if (!product) return false;
  return Writer(*this, node, *product).emit();
}

}  // namespace linnet::webgpu

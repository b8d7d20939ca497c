// Softmax: each result sums up its row, where there are few of them, else two draws: each row's maximum and
// sum, then the results.
#include "backends/webgl2/lower.h"

namespace linnet::webgl2 {

namespace {

// Texels that are read twice by all results together in one draw. To compile a second program takes an
// emulated GPU several times as long.
constexpr int64_t kMostReads = 1 << 17;

}  // namespace

Result<bool> Lowering::lower_softmax(const Node& node) {
  const Shape& x = shape(node.inputs[0]);
  const auto columns = static_cast<uint32_t>(x.back());
  // Short rows are summed by each of their elements.
  if (columns < 8 || !gpu::has_float_operands(graph(), node)) return false;
  const bool fours = columns % 4 == 0;
  const auto with_lanes = [&](const char* pattern) {
    return gpu::with_lanes(
        fours, gpu::text_of(pattern, {fours ? 4 : 1, fours ? "max(max(m.x, m.y), max(m.z, m.w))" : "m",
                                      fours ? "s.x + s.y + s.z + s.w" : "s"}));
  };
  Kernel sums;
  sums.input(operand(node.inputs[0]));
  sums.param("columns", columns);
  sums.text = with_lanes(R"(vec2 sums(@u32 row) {
  @$V m = $at_0(row);
  for (@u32 i = $0u; i < P.columns; i += $0u) { m = max(m, $at_0(row + i)); }
  @f32 highest = $1;
  @$V s = $V(0.0);
  for (@u32 i = 0u; i < P.columns; i += $0u) { s += exp($at_0(row + i) - $V(highest)); }
  return vec2(highest, $2);
}
)");
  constexpr char kElement[] = R"(@fn $V element(u32 e) {
  vec2 row = sums(e - e % P.columns);
  return exp($at_0(e) - $V(row.x)) / row.y;
}
)";
  if (fours && x.elements() / 4 * (x.back() / 4) <= kMostReads) {
    sums.text += with_lanes(kElement);
    return gpu::finish_elements(*this, sums, node, fours);
  }
  sums.text += "@fn vec4f kernel(u32 e) { return vec4f(sums((e >> 2u) * P.columns), 0.0, 0.0); }\n";
  TRY_ASSIGN(const Ref rows, add_tensor(x.elements() / x.back() * 4, DType::F32));
  TRY(emit_to(sums, rows));

  Kernel kernel;
  kernel.input(operand(node.inputs[0]));
  kernel.input({rows, DType::F32});
  kernel.param("columns", columns);
  kernel.text = "vec2 sums(@u32 row) { return at4_1(row / P.columns * 4u).xy; }\n" + with_lanes(kElement);
  return gpu::finish_elements(*this, kernel, node, fours);
}

}  // namespace linnet::webgl2

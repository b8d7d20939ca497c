// Softmax in two draws: each row's maximum and sum, then the results.
#include "backends/webgl2/lower.h"

namespace linnet::webgl2 {

Result<bool> Lowering::lower_softmax(const Node& node) {
  const Shape& x = shape(node.inputs[0]);
  const auto columns = static_cast<uint32_t>(x.back());
  // Short rows are summed by each of their elements.
  if (columns < 8 || !gpu::has_float_operands(graph(), node)) return false;
  const bool fours = columns % 4 == 0;
  Kernel sums;
  sums.input(operand(node.inputs[0]));
  sums.param("columns", columns);
  sums.text =
      gpu::with_lanes(fours, gpu::text_of(R"(@fn vec4f kernel(u32 e) {
  @u32 row = (e >> 2u) * P.columns;
  @$V m = $at_0(row);
  for (@u32 i = $0u; i < P.columns; i += $0u) { m = max(m, $at_0(row + i)); }
  @f32 highest = $1;
  @$V s = $V(0.0);
  for (@u32 i = 0u; i < P.columns; i += $0u) { s += exp($at_0(row + i) - $V(highest)); }
  return vec4f(highest, $2, 0.0, 0.0);
}
)",
                                          {fours ? 4 : 1, fours ? "max(max(m.x, m.y), max(m.z, m.w))" : "m",
                                           fours ? "s.x + s.y + s.z + s.w" : "s"}));
  TRY_ASSIGN(const Ref rows, add_tensor(x.elements() / x.back() * 4, DType::F32));
  TRY(emit_to(sums, rows));

  Kernel kernel;
  kernel.input(operand(node.inputs[0]));
  kernel.input({rows, DType::F32});
  kernel.param("columns", columns);
  kernel.text = gpu::with_lanes(fours, R"(@fn $V element(u32 e) {
  @vec4f row = at4_1(e / P.columns * 4u);
  return exp($at_0(e) - $V(row.x)) / row.y;
}
)");
  return gpu::finish_elements(*this, kernel, node, fours);
}

}  // namespace linnet::webgl2

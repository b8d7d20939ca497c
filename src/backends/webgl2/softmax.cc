// Softmax in two draws: each row's maximum and sum, then the results.
#include "backends/webgl2/lower.h"

namespace linnet::webgl2 {

Result<bool> lower_softmax(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const auto columns = static_cast<uint32_t>(x.back());
  // Short rows are summed by each of their elements.
  if (columns < 8 || !gpu::has_float_operands(lowering.graph(), node)) return false;
  const bool fours = columns % 4 == 0;
  Kernel sums;
  sums.input(lowering.operand(node.inputs[0]));
  sums.param("columns", columns);
  sums.text = gpu::with_lanes(fours, R"(@fn vec4f kernel(u32 e) {
  @u32 row = (e >> 2u) * P.columns;
  @$V m = $at_0(row);
  for (@u32 i = $1u; i < P.columns; i += $1u) { m = max(m, $at_0(row + i)); }
  @f32 highest = $M;
  @$V s = $V(0.0);
  for (@u32 i = 0u; i < P.columns; i += $1u) { s += exp($at_0(row + i) - $V(highest)); }
  return vec4f(highest, $S, 0.0, 0.0);
}
)");
  const auto put = [&](std::string_view mark, std::string_view by) {
    for (size_t at = 0; (at = sums.text.find(mark, at)) != std::string::npos;) sums.text.replace(at, 2, by);
  };
  put("$1", fours ? "4" : "1");
  put("$M", fours ? "max(max(m.x, m.y), max(m.z, m.w))" : "m");
  put("$S", fours ? "s.x + s.y + s.z + s.w" : "s");
  TRY_ASSIGN(const Ref rows, lowering.add_tensor(x.elements() / x.back() * 4, DType::F32));
  TRY(lowering.emit_to(std::move(sums), rows));

  Kernel kernel;
  kernel.input(lowering.operand(node.inputs[0]));
  kernel.input({rows, DType::F32});
  kernel.param("columns", columns);
  kernel.text = gpu::with_lanes(fours, R"(@fn $V element(u32 e) {
  @vec4f row = at4_1(e / P.columns * 4u);
  return exp($at_0(e) - $V(row.x)) / row.y;
}
)");
  gpu::finish_elements(lowering, kernel, node, fours);
  TRY(lowering.emit(std::move(kernel), node.outputs[0]));
  return true;
}

}  // namespace linnet::webgl2

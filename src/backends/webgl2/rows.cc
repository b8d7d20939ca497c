// Softmax and layer norm in two draws: what is known of each row, then the results.
#include "backends/webgl2/lower.h"

namespace linnet::webgl2 {

namespace {

// In `fold`, kernel(e) gives of row e / 4 what `element` reads as `row`. $0 is how many elements $at_0 gives,
// $1 the largest of m's, $2 the sum of s's.
Result<bool> emit_by_rows(Lowering& lowering, const Node& node, Kernel sums, const char* fold,
                          const char* element) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const auto columns = static_cast<uint32_t>(x.back());
  const bool fours = columns % 4 == 0;
  sums.input(lowering.operand(node.inputs[0]));
  sums.param("columns", columns);
  sums.text = gpu::with_lanes(
      fours, gpu::text_of(fold, {fours ? 4 : 1, fours ? "max(max(m.x, m.y), max(m.z, m.w))" : "m",
                                 fours ? "s.x + s.y + s.z + s.w" : "s"}));
  TRY_ASSIGN(const Ref rows, lowering.add_tensor(x.elements() / x.back() * 4, DType::F32));
  TRY(lowering.emit_to(sums, rows));

  Kernel kernel;
  lowering.add_own_inputs(kernel, node);
  const int last = kernel.input({rows, DType::F32});
  kernel.param("columns", columns);
  kernel.text = gpu::with_lanes(
      fours,
      gpu::text_of("@fn $V element(u32 e) {\n  @vec4f row = at4_$0(e / P.columns * 4u);\n  return $1;\n}\n",
                   {last, element}));
  return gpu::finish_elements(lowering, kernel, node, fours);
}

}  // namespace

Result<bool> Lowering::lower_softmax(const Node& node) {
  // Short rows are summed by each of their elements.
  if (shape(node.inputs[0]).back() < 8 || !gpu::has_float_operands(graph(), node)) return false;
  return emit_by_rows(*this, node, {}, R"(@fn vec4f kernel(u32 e) {
  @u32 row = (e >> 2u) * P.columns;
  @$V m = $at_0(row);
  for (@u32 i = $0u; i < P.columns; i += $0u) { m = max(m, $at_0(row + i)); }
  @f32 highest = $1;
  @$V s = $V(0.0);
  for (@u32 i = 0u; i < P.columns; i += $0u) { s += exp($at_0(row + i) - $V(highest)); }
  return vec4f(highest, $2, 0.0, 0.0);
}
)",
                      "exp($at_0(e) - $V(row.x)) / row.y");
}

Result<bool> Lowering::lower_layer_norm(const Node& node) {
  if (!gpu::has_float_operands(graph(), node)) return false;
  Kernel sums;
  // Elements that the mean is of.
  sums.param("centre", node.attrs.get_string(Attr::mode, "") == "layer"
                           ? static_cast<uint32_t>(shape(node.inputs[0]).back())
                           : 0);
  sums.param_f32("epsilon", node.attrs.get_float(Attr::epsilon, 0));
  return emit_by_rows(*this, node, std::move(sums), R"(@fn vec4f kernel(u32 e) {
  @u32 row = (e >> 2u) * P.columns;
  @$V s = $V(0.0);
  for (@u32 i = 0u; i < P.centre; i += $0u) { s += $at_0(row + i); }
  @f32 mean = ($2) / f32(P.columns);
  s = $V(0.0);
  for (@u32 i = 0u; i < P.columns; i += $0u) { s += ($at_0(row + i) - $V(mean)) * ($at_0(row + i) - $V(mean)); }
  return vec4f(mean, 1.0 / sqrt(($2) / f32(P.columns) + P.epsilon), 0.0, 0.0);
}
)",
                      "($at_0(e) - $V(row.x)) * row.y * $at_1(e % P.columns) + $at_2(e % P.columns)");
}

}  // namespace linnet::webgl2

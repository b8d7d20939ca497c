// Layer norm: a workgroup for each row, whose invocations share the sums of elements and of squares.
#include "backends/webgpu/workgroups.h"

namespace linnet::webgpu {

Result<bool> Lowering::lower_layer_norm(const Node& node) {
  const Shape& x = shape(node.inputs[0]);
  const auto columns = static_cast<uint32_t>(x.back());
  const bool fours = columns % 4 == 0;
  Kernel kernel;
  for (ValueId input : node.inputs) kernel.input(operand(input));
  kernel.param("columns", columns);
  kernel.param("centre", node.attrs.get_string(Attr::mode, "") == "layer");
  kernel.param_f32("epsilon", node.attrs.get_float(Attr::epsilon, 0));
  return emit_workgroups(
      *this, kernel, node.outputs[0], fours ? Elements::Fours : Elements::Single,
      {static_cast<uint32_t>(x.elements()) / columns, workgroup_size(target(), columns)}, {gpu::kAdd},
      R"(  let row = group * P.columns;
  let first = local * $0u;
  var mean = 0.0;
  if (P.centre > 0u) {
    var sum = $V();
    for (var i = first; i < P.columns; i += kSize * $0u) { sum += $at_0(row + i); }
    mean = workgroupAdd($1sum$2, local, 0u) / f32(P.columns);
  }
  var squares = $V();
  for (var i = first; i < P.columns; i += kSize * $0u) {
    let x = $at_0(row + i) - mean;
    squares += x * x;
  }
  let scale = 1.0 / sqrt(workgroupAdd($1squares$2, local, 1u) / f32(P.columns) + P.epsilon);
  for (var i = first; i < P.columns; i += kSize * $0u) { $3(row + i, ($at_0(row + i) - mean) * scale * $at_1(i) + $at_2(i)); }
)",
      {fours ? 4 : 1, fours ? "dot(" : "", fours ? ", vec4f(1.0))" : "", fours ? "put4" : "put"});
}

}  // namespace linnet::webgpu

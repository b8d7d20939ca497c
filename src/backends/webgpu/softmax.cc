// Softmax: a workgroup for each row, whose invocations share maximum and sum.
#include "backends/webgpu/workgroups.h"

namespace linnet::webgpu {

Result<bool> Lowering::lower_softmax(const Node& node) {
  const Shape& x = shape(node.inputs[0]);
  const auto columns = static_cast<uint32_t>(x.back()), rows = static_cast<uint32_t>(x.elements() / columns);
  // Short rows are not worth a workgroup each.
  if (columns < 32 || dtype(node.outputs[0]) != DType::F32) return false;
  Kernel kernel;
  kernel.input(operand(node.inputs[0]));
  kernel.param("columns", columns);
  return emit_workgroups(*this, kernel, node.outputs[0], Elements::Single,
                         {rows, workgroup_size(target(), columns)}, {gpu::kMax, gpu::kAdd},
                         R"(  let row = group * P.columns;
  var highest = -3.402823e38;
  for (var i = local; i < P.columns; i += kSize) { highest = max(highest, at_0(row + i)); }
  highest = workgroupMax(highest, local, 0u);
  var sum = 0.0;
  for (var i = local; i < P.columns; i += kSize) { sum += exp(at_0(row + i) - highest); }
  sum = workgroupAdd(sum, local, 1u);
  for (var i = local; i < P.columns; i += kSize) { put(row + i, exp(at_0(row + i) - highest) / sum); }
)");
}

}  // namespace linnet::webgpu

// Softmax: a workgroup for each row, whose invocations share maximum and sum.
#include <algorithm>

#include "backends/webgpu/lower.h"

namespace linnet::webgpu {

Result<bool> lower_softmax(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const auto columns = static_cast<uint32_t>(x.back()), rows = static_cast<uint32_t>(x.elements() / columns);
  // Short rows are not worth a workgroup each. An emulated GPU runs a workgroup of four as one vector.
  if (columns < 32 || lowering.dtype(node.outputs[0]) != DType::F32) return false;
  const std::string size = lowering.target().software ? "4" : "128";
  Kernel kernel;
  kernel.input(lowering.operand(node.inputs[0]));
  const uint32_t grid_x = std::min(rows, lowering.target().max_workgroups);
  kernel.param("columns", columns);
  kernel.param("rows", rows);
  kernel.param("grid_x", grid_x);
  kernel.text = "const kSize = " + size + R"(u;
var<workgroup> shared_values: array<f32, kSize>;
@compute @workgroup_size(kSize) fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = group.y * P.grid_x + group.x;
  if (row >= P.rows) { return; }
  let base = row * P.columns;
  var highest = -3.402823e38;
  for (var i = local; i < P.columns; i += kSize) { highest = max(highest, at_0(base + i)); }
  shared_values[local] = highest;
  workgroupBarrier();
  for (var i = 0u; i < kSize; i++) { highest = max(highest, shared_values[i]); }
  var sum = 0.0;
  for (var i = local; i < P.columns; i += kSize) { sum += exp(at_0(base + i) - highest); }
  workgroupBarrier();
  shared_values[local] = sum;
  workgroupBarrier();
  sum = 0.0;
  for (var i = 0u; i < kSize; i++) { sum += shared_values[i]; }
  for (var i = local; i < P.columns; i += kSize) { put(base + i, exp(at_0(base + i) - highest) / sum); }
}
)";
  TRY(lowering.emit_entry(kernel, node.outputs[0], Elements::Single,
                          {grid_x, (rows + grid_x - 1) / grid_x, 1}));
  return true;
}

}  // namespace linnet::webgpu

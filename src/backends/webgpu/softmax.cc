// Softmax: a workgroup for each row, whose invocations share maximum and sum.
#include <algorithm>

#include "backends/webgpu/lower.h"

namespace linnet::webgpu {

Result<bool> Lowering::lower_softmax(const Node& node) {
  const Shape& x = shape(node.inputs[0]);
  const auto columns = static_cast<uint32_t>(x.back()), rows = static_cast<uint32_t>(x.elements() / columns);
  // Short rows are not worth a workgroup each. An emulated GPU runs a workgroup of four as one vector.
  if (columns < 32 || dtype(node.outputs[0]) != DType::F32) return false;
  const bool software = target().software, subgroups = !software && target().min_subgroup > 0;
  Kernel kernel;
  kernel.input(operand(node.inputs[0]));
  const uint32_t grid_x = std::min(rows, target().max_workgroups);
  kernel.param("columns", columns);
  kernel.param("rows", rows);
  kernel.param("grid_x", grid_x);
  // Invocations share a value: each its own, or each subgroup the one that it has reduced to. `n` are shared.
  const char* share = subgroups ? R"(  $0 = $1($0);
  if (subgroupElect()) { shared_values[atomicAdd(&$2, 1u)] = $0; }
  workgroupBarrier();
  n = atomicLoad(&$2);
)"
                                : "  shared_values[local] = $0;\n  workgroupBarrier();\n  n = kSize;\n";
  kernel.text = gpu::text_of(R"(const kSize = $0u;
var<workgroup> shared_values: array<f32, kSize>;
var<workgroup> maxima: atomic<u32>;
var<workgroup> sums: atomic<u32>;
@compute @workgroup_size(kSize) fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = group.y * P.grid_x + group.x;
  if (row >= P.rows) { return; }
  let base = row * P.columns;
  var n = 0u;
  var highest = -3.402823e38;
  for (var i = local; i < P.columns; i += kSize) { highest = max(highest, at_0(base + i)); }
$1  for (var i = 0u; i < n; i++) { highest = max(highest, shared_values[i]); }
  var sum = 0.0;
  for (var i = local; i < P.columns; i += kSize) { sum += exp(at_0(base + i) - highest); }
  workgroupBarrier();
$2  sum = 0.0;
  for (var i = 0u; i < n; i++) { sum += shared_values[i]; }
  for (var i = local; i < P.columns; i += kSize) { put(base + i, exp(at_0(base + i) - highest) / sum); }
}
)",
                             {software ? 4 : 128, gpu::text_of(share, {"highest", "subgroupMax", "maxima"}),
                              gpu::text_of(share, {"sum", "subgroupAdd", "sums"})});
  return emit_entry(kernel, node.outputs[0], Elements::Single, {grid_x, (rows + grid_x - 1) / grid_x, 1});
}

}  // namespace linnet::webgpu

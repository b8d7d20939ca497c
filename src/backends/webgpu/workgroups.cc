#include "backends/webgpu/workgroups.h"

namespace linnet::webgpu {

namespace {

// Subgroups fold first, then each invocation what they have found, in whatever order they did.
constexpr char kBySubgroups[] = R"(fn workgroup$0(own: T, local: u32, round: u32) -> T {
  let first = round * kSize;
  var value = subgroup$0(own);
  if (subgroupElect()) { shared_values[first + atomicAdd(&taken[round], 1u)] = value; }
  workgroupBarrier();
  let end = first + atomicLoad(&taken[round]);
  value = shared_values[first];
  for (var i = first + 1u; i < end; i++) {
    let next = shared_values[i];
    value = $1;
  }
  return value;
}
)";

constexpr char kShared[] = R"(var<workgroup> shared_values: array<T, kSize * 2u>;
var<workgroup> taken: array<atomic<u32>, 2>;
)";

constexpr char kEntry[] =
    R"(@compute @workgroup_size(kSize) fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let group = id.y * P.grid_x + id.x;
  if (group >= P.groups) { return; }
)";

// An emulated GPU's workgroup is one subgroup.
constexpr char kBySubgroup[] =
    "fn workgroup$0(own: T, local: u32, round: u32) -> T { return subgroup$0(own); }\n";

constexpr char kByHalves[] = R"(fn workgroup$0(own: T, local: u32, round: u32) -> T {
  let first = round * kSize;
  let i = first + local;
  shared_values[i] = own;
  for (var half = kSize / 2u; half >= kResults; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      let value = shared_values[i];
      let next = shared_values[i + half];
      shared_values[i] = $1;
    }
  }
  workgroupBarrier();
  return shared_values[first + local % kResults];
}
)";

}  // namespace

uint32_t workgroup_size(const gpu::Target& target, uint32_t terms) {
  if (target.software) return 4;
  return terms < 512 ? 64 : 256;
}

Result<bool> emit_workgroups(Lowering& lowering, Kernel& kernel, ValueId out, Elements elements,
                             const Workgroups& workgroups, std::initializer_list<gpu::Fold> folds,
                             const char* body, gpu::Pieces pieces) {
  const gpu::Target& target = lowering.target();
  const bool single = target.software && target.min_subgroup == workgroups.size,
             subgroups = !target.software && target.min_subgroup > 0 && workgroups.results == 1;
  std::string& text = kernel.text;
  gpu::append(text, "const kSize = $0u;\nconst kResults = $1u;\n", {workgroups.size, workgroups.results});
  if (!single) text += kShared;
  for (const gpu::Fold& fold : folds)
    gpu::append(text, single ? kBySubgroup : subgroups ? kBySubgroups : kByHalves, {fold.name, fold.text});
  text += kEntry;
  text += gpu::with_lanes(elements == Elements::Fours, gpu::text_of(body, pieces));
  text += "}\n";
  kernel.param("groups", workgroups.count);
  return lowering.emit_entry(kernel, out, elements, lowering.grid(kernel, workgroups.count));
}

}  // namespace linnet::webgpu

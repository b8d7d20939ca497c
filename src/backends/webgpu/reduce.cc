// Reductions of many terms: a workgroup for each result, or for some results that lie side by side.
#include <bit>

#include "backends/webgpu/workgroups.h"

namespace linnet::webgpu {

Result<bool> Lowering::emit_reduction(Kernel& kernel, ValueId out, const gpu::Reduction& reduction) {
  const uint32_t terms = reduction.terms, results = reduction.results;
  const bool software = target().software;
  // Halves are written two at a time, and codes four.
  if (!gpu::is_whole(dtype(out)) && dtype(out) != DType::F32) return false;
  // Few terms are not worth a workgroup. Where terms lie apart, many results keep a GPU busy as they are.
  if (terms < (software ? 256 : 32) || (!reduction.inner && results > (software ? 4 : 65536))) return false;
  // Neighbouring invocations read neighbouring elements: terms of one result, or of several results.
  const uint32_t side = reduction.inner || software ? 1 : std::min(32u, std::bit_ceil(results));
  kernel.param("results", results);
  return emit_workgroups(
      *this, kernel, out, Elements::Single,
      {(results + side - 1) / side, side == 1 ? workgroup_size(target(), terms) : 256, side},
      {*reduction.fold}, R"(  let e = group * kResults + local % kResults;
  let base = $0;
  var value = P.start;
  for (var t = local / kResults; t < P.terms; t += kSize / kResults) {
    let next = at_0(base + $1);
    value = $2;
  }
  value = workgroup$3(value, local, 0u);
  if (local < kResults && e < P.results) { put(e, $4); }
)",
      {reduction.base, reduction.offset, reduction.fold->text, reduction.fold->name, reduction.result});
}

}  // namespace linnet::webgpu

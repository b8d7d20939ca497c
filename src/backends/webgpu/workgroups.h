// Kernels whose workgroups fold values: sums, maxima and the like, of more elements than one invocation
// should walk over.
#pragma once

#include "backends/gpu/reduction.h"
#include "backends/webgpu/lower.h"

namespace linnet::webgpu {

// How many, of so many invocations, each of which computes `results` side by side. The last two are powers of
// two, `results` the smaller.
struct Workgroups {
  uint32_t count;
  uint32_t size;
  uint32_t results = 1;
};

// Invocations for `terms` terms of a result. An emulated GPU runs a workgroup of four as one vector.
uint32_t workgroup_size(const gpu::Target& target, uint32_t terms);

// Emits the kernel with an entry point around `body`, a pattern for text_of and, where elements are fours,
// for with_lanes: WGSL in which `group` is the workgroup's number, `local` the invocation's. kSize and
// kResults are as above. For each of `folds`
//   workgroup<name>(own: T, local: u32, round: u32) -> T
// folds `own` of all invocations with the same local % kResults. All must call it; the first call is round 0,
// the second 1.
Result<bool> emit_workgroups(Lowering& lowering, Kernel& kernel, ValueId out, Elements elements,
                             const Workgroups& workgroups, std::initializer_list<gpu::Fold> folds,
                             const char* body, gpu::Pieces pieces = {});

}  // namespace linnet::webgpu

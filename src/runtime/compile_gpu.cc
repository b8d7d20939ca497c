#include "runtime/compile_gpu.h"

#include "backends/webgpu/lower.h"
#include "plan/placement.h"

namespace linnet {

namespace {

Result<void> fits_binding(const char* what, uint64_t bytes, const gpu::Target& target) {
  if (bytes <= target.max_binding_bytes) return {};
  return fail(ErrorCode::TooLarge, "the model's %s take %llu bytes; this GPU allows %llu", what,
              static_cast<unsigned long long>(bytes),
              static_cast<unsigned long long>(target.max_binding_bytes));
}

}  // namespace

Result<gpu::GpuPlan> compile_gpu(Graph& graph, const gpu::Target& target) {
  if (target.f16) gpu::store_as_halves(graph);
  TRY_ASSIGN(Placement placement, place_values(graph, gpu::can_overwrite));
  gpu::GpuPlan plan;
  // Results are written four elements at a time.
  plan.arena_bytes = align_up(placement.arena_bytes, kTensorAlignment);
  plan.lower_bound_bytes = placement.lower_bound_bytes;
  webgpu::Lowering lowering(graph, target, std::move(placement.refs), plan);
  TRY(lowering.run());
  TRY(fits_binding("tensors", plan.arena_bytes, target));
  TRY(fits_binding("weights", plan.weights_bytes, target));
  TRY(verify_gpu_plan(plan, target.max_workgroups));
  return plan;
}

}  // namespace linnet

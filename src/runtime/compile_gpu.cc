#include "runtime/compile_gpu.h"

#include "backends/webgl2/lower.h"
#include "backends/webgpu/lower.h"
#include "plan/placement.h"

namespace linnet {

namespace {

Result<void> fits_binding(const char* what, uint64_t bytes, const gpu::Target& target) {
  if (bytes <= target.max_binding_bytes) return {};
  return fail(ErrorCode::TooLarge,
              "the model's %s take %llu bytes; this GPU allows %llu: take the backend wasm", what,
              static_cast<unsigned long long>(bytes),
              static_cast<unsigned long long>(target.max_binding_bytes));
}

// All that tests make is verified. What pages replay is what those plans are, and their browser checks it
// too: there the verifier's bytes are worth more.
Result<gpu::GpuPlan> verified(gpu::GpuPlan plan, const gpu::Target& target) {
#ifdef __wasm__
  static_cast<void>(target);
#else
  TRY(verify_gpu_plan(plan, target.max_workgroups));
#endif
  return plan;
}

Result<gpu::GpuPlan> compile_webgl2(const Graph& graph, const gpu::Target& target) {
  TRY_ASSIGN(webgl2::TexturePlacement placement, webgl2::place_textures(graph, target));
  gpu::GpuPlan plan;
  webgl2::Lowering lowering(graph, target, std::move(placement), plan);
  TRY(lowering.run());
  for (const gpu::Texture& texture : plan.textures)
    plan.arena_bytes += uint64_t{texture.width} * texture.height * texture.layers * texture.lanes *
                        static_cast<uint64_t>(dtype_size(texture.dtype));
  const uint64_t limit = uint64_t{16} * gpu::kWeightsWidth * target.max_texture_size;
  if (plan.weights_bytes > limit)
    return fail(ErrorCode::TooLarge, "the model's weights take %llu bytes; this GPU allows %llu",
                static_cast<unsigned long long>(plan.weights_bytes), static_cast<unsigned long long>(limit));
  return verified(std::move(plan), target);
}

}  // namespace

Result<gpu::GpuPlan> compile_gpu(Graph& graph, const gpu::Target& target) {
  const bool webgl2 = target.api == gpu::Api::WebGl2;
  if (target.f16) gpu::store_as_halves(graph, webgl2 ? webgl2::kMostTextures : SIZE_MAX);
  if (webgl2) return compile_webgl2(graph, target);
  TRY_ASSIGN(Placement placement, place_values(graph, gpu::can_overwrite));
  gpu::GpuPlan plan;
  // Results are written four elements at a time.
  plan.arena_bytes = align_up(placement.arena_bytes, kTensorAlignment);
  plan.lower_bound_bytes = placement.lower_bound_bytes;
  webgpu::Lowering lowering(graph, target, std::move(placement.refs), plan);
  TRY(lowering.run());
  TRY(fits_binding("tensors", plan.arena_bytes, target));
  TRY(fits_binding("weights", plan.weights_bytes, target));
  return verified(std::move(plan), target);
}

}  // namespace linnet

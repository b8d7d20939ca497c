// Lowering for WebGPU: kernels become WGSL compute shaders over one arena buffer, one buffer of weights and
// one uniform buffer with the parameters of all dispatches. All share one bind group, whose uniform offset is
// dynamic.
#pragma once

#include "backends/gpu/lower.h"

namespace linnet::webgpu {

using gpu::Kernel;

// How a shader sees the arena.
enum class Elements : uint8_t { Fours, Single };

struct Grid {
  uint32_t x, y, z;
};

class Lowering : public gpu::Lowering {
 public:
  using gpu::Lowering::Lowering;

  Result<bool> emit(Kernel& kernel, ValueId out) override;
  Result<bool> emit_reduction(Kernel& kernel, ValueId out, const gpu::Reduction& reduction) override;

  // Emits a dispatch of a kernel whose text, WGSL but for @-marks, has its own entry point. It reads inputs
  // as the flat kernels do, and writes elements e ... e + 3 of its result by put4(e, T4), e a multiple of 4;
  // with Elements::Single also one by put(e, T), which f32 and i32 results have, and then at4_k takes any
  // element. Where the inputs among the weights have one type, four elements at a time are weights4(P.base<k>
  // + i) too. Where the target computes in f16 and all tensors in the arena are f16, or all weights,
  // half4_k(e) and half_weights4(i) give vec4h.
  Result<bool> emit_entry(const Kernel& kernel, ValueId out, Elements elements, Grid grid);

  // The grid of so many workgroups. A group's number is y * P.grid_x + x; where `unit` is not 1, so is an
  // invocation's, with that many in a workgroup. Declares P.grid_x.
  Grid grid(Kernel& kernel, uint32_t groups, uint32_t unit = 1) const;

 protected:
  Result<bool> lower_product(const Node& node) override;
  Result<bool> lower_depthwise_conv2d(const Node& node) override;
  Result<bool> lower_softmax(const Node& node) override;
  Result<bool> lower_layer_norm(const Node& node) override;
};

}  // namespace linnet::webgpu

// What a GPU plan is made for: the API and what the adapter can do.
#pragma once

#include <cstdint>

namespace linnet::gpu {

enum class Api : uint8_t { WebGpu, WebGl2 };

struct Target {
  Api api = Api::WebGpu;
  // The GPU is emulated on the CPU (SwiftShader, llvmpipe): invocations are lanes of a narrow vector, memory
  // of a workgroup is no faster than any other, and every instruction counts.
  bool software = false;
  // Tensors and weights are stored as f16 where accuracy allows it. Sums stay f32.
  bool f16 = false;
  // Shaders can compute in f16 (WebGPU's feature shader-f16).
  bool f16_arithmetic = false;
  // Invocations of a subgroup, where shaders can use them (WebGPU's feature subgroups): the least and the
  // most.
  uint32_t min_subgroup = 0;
  uint32_t max_subgroup = 0;
  // The largest buffer, or part of one, that a shader can see.
  uint64_t max_binding_bytes = uint64_t{128} << 20;
  // Workgroups along one dimension of a dispatch.
  uint32_t max_workgroups = 65535;
  // Texels along a side of a texture (WebGL2).
  uint32_t max_texture_size = 2048;
};

}  // namespace linnet::gpu

// A GPU plan: what the host needs to create once, and the words it replays for each run.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "plan/plan.h"

namespace linnet::gpu {

enum class GpuOp : uint16_t {
#define LINNET_GPU_OP(name, number) name = number,
#include "backends/gpu/gpu_isa.def"
#undef LINNET_GPU_OP
};
const char* gpu_op_name(GpuOp op);

// Weights as kernels read them: `fill` writes their bytes, which the host puts at `offset` of the weights,
// from the elements of constant `source` (kNone: from none).
struct WeightPiece {
  uint64_t offset;
  uint64_t bytes;
  ValueId source;
  std::function<void(std::byte*)> fill;
};

// Nodes that no kernel fits run on the CPU, between two parts of a run: nodes first ... last of the graph,
// with the tensors that boundary_of lists.
struct CpuStep {
  NodeId first;
  NodeId last;
  std::vector<PlanPort> inputs;
  std::vector<PlanPort> outputs;
};

// WebGL2 keeps tensors in textures. A tensor that the host reads or writes has a texture of one layer, whose
// texels, row by row, are its bytes; a port's place is 4 times the texture's number.
struct Texture {
  uint32_t width;
  uint32_t height;
  uint32_t layers;
  uint32_t lanes;  // elements of a texel
  DType dtype;
};
// Texels in a row of the texture that holds the weights there, four f32 each.
inline constexpr uint32_t kWeightsWidth = 2048;

struct GpuPlan {
  std::vector<std::string> shaders;  // each a pipeline
  std::vector<uint32_t> words;
  std::vector<uint32_t> step_nodes;  // for each step the index of its node's name
  std::vector<std::string> node_names;
  std::vector<NodeId> node_ids;  // of these nodes, in the graph
  std::vector<uint32_t> params;  // of all dispatches, for one uniform buffer
  std::vector<WeightPiece> weights;
  std::vector<CpuStep> cpu_steps;
  std::vector<PlanPort> inputs;
  std::vector<PlanPort> outputs;
  std::vector<Texture> textures;  // WebGL2

  uint64_t arena_bytes = 0;
  uint64_t lower_bound_bytes = 0;
  uint64_t weights_bytes = 0;
  uint64_t param_bytes = 0;  // the most that one dispatch reads

  void append_step(GpuOp op, uint32_t node, std::span<const uint32_t> parameters);
};

// Calls `visit(op, parameters)` for each step.
template <class Visit>
void for_each_gpu_step(const GpuPlan& plan, Visit visit) {
  for (size_t at = 0; at < plan.words.size(); at += 1 + (plan.words[at] >> 16))
    visit(static_cast<GpuOp>(plan.words[at] & 0xffffu),
          std::span(plan.words).subspan(at + 1, plan.words[at] >> 16));
}

// Steps are whole, their shaders, parameters and nodes exist, all places lie in their memory. Fails with
// MalformedPlan.
Result<void> verify_gpu_plan(const GpuPlan& plan, uint32_t max_workgroups);

// Sizes and one line a step, then the shaders: for people and golden tests.
std::string print_gpu_plan(const GpuPlan& plan);

}  // namespace linnet::gpu

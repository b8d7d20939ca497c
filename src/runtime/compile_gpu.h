// From an optimised graph to a GPU plan: placement and lowering.
#pragma once

#include "backends/gpu/plan.h"
#include "backends/gpu/target.h"
#include "graph/graph.h"

namespace linnet {

// Lowers a graph that the passes have been over, of whose values some become f16 where the target asks for
// it. Reads no element of its constants before a piece of the weights is filled. Fails with TooLarge where
// the target's limits do not allow the model.
Result<gpu::GpuPlan> compile_gpu(Graph& graph, const gpu::Target& target);

}  // namespace linnet

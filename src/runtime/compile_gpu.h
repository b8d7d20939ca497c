// From a graph to a GPU plan: passes, placement, lowering.
#pragma once

#include "backends/gpu/plan.h"
#include "backends/gpu/target.h"
#include "graph/graph.h"

namespace linnet {

struct GpuCompileReport {
  int64_t macs = 0;
};

// Compiles for a GPU. The plan shares the graph's constants until its weights are packed. `report` may be
// null.
Result<gpu::GpuPlan> compile_gpu(Graph graph, const gpu::Target& target, GpuCompileReport* report);

}  // namespace linnet

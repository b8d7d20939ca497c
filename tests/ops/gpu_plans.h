// The op cases as GPU plans in files, for hosts that have a GPU.
#pragma once

#include <span>
#include <string>

#include "backends/gpu/target.h"
#include "graph/graph.h"

namespace linnet::tests {

// Compiles the case's graph for `target`, packs its weights into FOLDER/<number>_weights.bin, and gives the
// plan as a JSON object: what the TypeScript's GpuPlan holds, and `cpu`, the ops that run on the CPU. The
// ports of its `cpuParts` have a `file` in FOLDER with what the reference has there for `inputs`.
Result<std::string> export_gpu_plan(Graph graph, std::span<const Tensor> inputs, const gpu::Target& target,
                                    const std::string& folder, int number);

}  // namespace linnet::tests

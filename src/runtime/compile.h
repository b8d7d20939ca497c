// From a graph to a session: passes, plan, lowering, packed weights.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/cpu/row_chains.h"
#include "graph/graph.h"
#include "passes/pipeline.h"
#include "runtime/session.h"

namespace linnet {

using cpu::RowFusion;

struct CompileOptions {
  // Threads of the session, the caller's included.
  int threads = 1;
  // Are these as many as there are, of which the session uses those that its first runs show to be fastest?
  bool measured_threads = false;
  // Steps of less work than this, in multiply-adds or as many memory accesses, stay on one thread: waking and
  // awaiting a second one costs some microseconds.
  int64_t parallel_cost = 60'000;
  // Chains of nodes that run together, a few image rows at a time.
  RowFusion row_fusion = RowFusion::WherePays;
  // Off: no passes, reference kernels only. The slow oracle of the tests.
  bool optimise = true;
  // Off: a calibrated graph is compiled in f32 all the same.
  bool quantize = true;
};

// Nodes that one step of the plan runs.
struct ChainReport {
  std::string name;  // of the step
  std::vector<std::string> nodes;
  uint32_t group_rows;  // of the last result, computed at a time
  uint64_t held_bytes;  // of each thread's scratch, in place of tensors in the arena
};

struct CompileReport {
  std::vector<PassReport> passes;
  size_t nodes_before = 0;
  size_t nodes_after = 0;
  int64_t macs = 0;
  std::vector<ChainReport> chains;
};

// Compiles for this machine's CPU. `report` may be null.
Result<std::unique_ptr<Session>> compile_cpu(Graph graph, const CompileOptions& options,
                                             CompileReport* report);

}  // namespace linnet

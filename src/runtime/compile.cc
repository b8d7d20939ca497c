#include "runtime/compile.h"

#include <algorithm>

#include "backends/cpu/lower.h"
#include "graph/op_def.h"
#include "graph/verify.h"
#include "plan/memory_planner.h"

namespace linnet {

namespace {

PlanPort make_port(const Graph& graph, const GraphPort& port, Ref ref) {
  const Value& value = graph.value(port.value);
  return {port.name, value.dtype, value.shape, ref};
}

// Places all values in the arena and gives where each one went.
Result<std::vector<Ref>> place_values(const Graph& graph, bool in_place, Plan* plan) {
  const Storage storage = assign_storage(graph, [in_place](const Graph& g, const Node& node, size_t input) {
    return in_place && cpu::can_overwrite(g, node, input);
  });
  const MemoryPlan memory = plan_memory(storage.buffers);
  TRY(verify_memory(storage.buffers, memory));
  plan->arena_bytes = memory.arena_bytes;
  plan->lower_bound_bytes = memory_lower_bound(storage.buffers);
  plan->scratch_offset = align_up(memory.arena_bytes, kTensorAlignment);
  if (memory.arena_bytes > kMaxArenaBytes)
    return fail(ErrorCode::TooLarge, "the model needs an arena of %llu bytes, at most %llu are possible",
                static_cast<unsigned long long>(memory.arena_bytes),
                static_cast<unsigned long long>(kMaxArenaBytes));
  std::vector<Ref> refs(graph.value_count(), Ref::none());
  for (ValueId id = 0; id < graph.value_count(); ++id)
    if (storage.buffer_of[id] != kNone) refs[id] = Ref::arena(memory.offsets[storage.buffer_of[id]]);
  return refs;
}

}  // namespace

Result<std::unique_ptr<Session>> compile_cpu(Graph graph, const CompileOptions& options,
                                             CompileReport* report) {
  const int threads = std::clamp(options.threads, 1, ThreadPool::kMaxThreads);
  TRY(verify(graph));
  if (!options.quantize) graph.ranges.clear();
  CompileReport details;
  details.nodes_before = graph.node_count();
  if (options.optimise) {
    TRY_ASSIGN(details.passes, run_passes(graph));
  }
  details.nodes_after = graph.node_count();
  for (const Node& node : graph.nodes()) details.macs += node_macs(graph, node);

  Plan plan;
  plan.threads = threads;
  TRY_ASSIGN(std::vector<Ref> refs, place_values(graph, options.optimise, &plan));
  cpu::Lowering lowering(graph, std::move(refs), plan, threads, options.parallel_cost);
  TRY(lowering.run(!options.optimise));
  for (const GraphPort& port : graph.inputs)
    plan.inputs.push_back(make_port(graph, port, lowering.ref(port.value)));
  for (const GraphPort& port : graph.outputs)
    plan.outputs.push_back(make_port(graph, port, lowering.ref(port.value)));
  TRY(lowering.pack());
  TRY(verify_plan(plan));
  // The constants go before the arena comes.
  graph = Graph();
  if (report != nullptr) *report = std::move(details);
  return Session::create(std::move(plan), threads);
}

}  // namespace linnet

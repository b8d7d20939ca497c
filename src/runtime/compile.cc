#include "runtime/compile.h"

#include <algorithm>

#include "backends/cpu/lower.h"
#include "graph/op_def.h"
#include "graph/verify.h"
#include "ops/quantized.h"
#include "plan/placement.h"

namespace linnet {

namespace {

PlanPort make_port(const Graph& graph, const GraphPort& port, Ref ref) {
  const Value& value = graph.value(port.value);
  return {port.name, value.dtype, value.shape, ref};
}

// For the only input, whose sole reader is the first node: memory that is used before its step is not that
// of its result.
std::optional<InputCodes> find_input_codes(const Graph& graph, cpu::Lowering& lowering) {
  if (graph.inputs.size() != 1 || graph.node_count() == 0) return std::nullopt;
  const Node& node = graph.node(0);
  const ValueId input = graph.inputs[0].value;
  if (node.op != Op::quantize || node.inputs[0] != input || graph.use_counts()[input] != 1)
    return std::nullopt;
  const Quantization quantization = quantization_of(node.attrs);
  if (quantization.scale < 0 || graph.value(input).shape.elements() == 0) return std::nullopt;
  return InputCodes{lowering.ref(node.outputs[0]), quantization};
}

// What the chain's step was made of.
ChainReport describe(const Graph& graph, const cpu::RowChain& chain) {
  ChainReport report{chain.name, {}, chain.group_rows, chain.held_bytes};
  for (NodeId id : chain.nodes) report.nodes.push_back(graph.node(id).name);
  return report;
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
  const std::vector<cpu::RowChain> chains =
      cpu::choose_row_chains(graph, options.optimise ? options.row_fusion : RowFusion::Off, threads);
  std::vector<FusedNodes> fused;
  for (const cpu::RowChain& chain : chains) {
    fused.push_back(chain.nodes);
    details.chains.push_back(describe(graph, chain));
  }
  const auto can_overwrite = [&](const Graph& g, const Node& node, size_t input) {
    return options.optimise && cpu::can_overwrite(g, node, input);
  };
  TRY_ASSIGN(Placement placement, place_values(graph, can_overwrite, fused));
  plan.arena_bytes = placement.arena_bytes;
  plan.lower_bound_bytes = placement.lower_bound_bytes;
  plan.scratch_offset = align_up(placement.arena_bytes, kTensorAlignment);
  cpu::Lowering lowering(graph, std::move(placement.refs), plan, threads, options.parallel_cost);
  TRY(lowering.run(!options.optimise, chains));
  for (const GraphPort& port : graph.inputs)
    plan.inputs.push_back(make_port(graph, port, lowering.ref(port.value)));
  for (const GraphPort& port : graph.outputs)
    plan.outputs.push_back(make_port(graph, port, lowering.ref(port.value)));
  plan.input_codes = find_input_codes(graph, lowering);
  // What is left of the constants is the lowering's alone, which packs them where they lie.
  graph = Graph();
  TRY(lowering.pack());
  TRY(verify_plan(plan));
  if (report != nullptr) *report = std::move(details);
  return Session::create(std::move(plan), options.measured_threads);
}

}  // namespace linnet

#include "compress/choose_ranges.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "graph/op_def.h"
#include "passes/quantize_weights.h"

namespace linnet {

namespace {

// Values whose codes layers read, or that are summed or joined for them; not results of layers that only an
// elementwise node reads, which becomes part of the layer.
std::vector<ValueId> coded_values(const Graph& graph,
                                  const std::vector<std::vector<RangeCandidate>>& candidates) {
  const std::vector<uint32_t> uses = graph.use_counts();
  std::vector<bool> wanted(graph.value_count()), elementwise(graph.value_count());
  for (size_t n = graph.node_count(); n-- > 0;) {
    const Node& node = graph.nodes()[n];
    const bool anchor = weights_are_quantizable(graph, node);
    for (const ValueId id : node.inputs) {
      elementwise[id] = elementwise[id] || node.op == Op::elementwise;
      wanted[id] = wanted[id] || anchor || wanted[node.outputs[0]];
    }
  }
  std::vector<ValueId> ids;
  for (ValueId id = 0; id < candidates.size(); ++id) {
    if (candidates[id].size() < 2 || !wanted[id]) continue;
    const NodeId producer = graph.value(id).producer;
    const bool hidden = producer != kNone && weights_are_quantizable(graph, graph.node(producer)) &&
                        elementwise[id] && uses[id] == 1;
    if (!hidden) ids.push_back(id);
  }
  return ids;
}

// Ranges whose codes hardly differ need no trial.
bool alike(const ValueRange& a, const ValueRange& b) {
  const float width = std::max({a.high - a.low, b.high - b.low, 1e-30f});
  return std::abs(a.low - b.low) + std::abs(a.high - b.high) < 0.02f * width;
}

}  // namespace

size_t values_to_choose(const Graph& graph, const std::vector<std::vector<RangeCandidate>>& candidates) {
  return coded_values(graph, candidates).size();
}

Result<RangeReport> choose_ranges(Graph& graph, const std::vector<std::vector<RangeCandidate>>& candidates,
                                  const Judge& judge, const Tick& tick) {
  for (ValueId id = 0; id < candidates.size(); ++id)
    if (!candidates[id].empty()) graph.ranges[graph.value(id).name] = candidates[id][0].range;
  RangeReport report;
  TRY_ASSIGN(double least, judge.error_of(graph));
  for (const ValueId id : coded_values(graph, candidates)) {
    ValueRange& range = graph.ranges[graph.value(id).name];
    size_t best = 0;
    std::vector<ValueRange> tried{range};
    for (size_t i = 1; i < candidates[id].size(); ++i) {
      const ValueRange candidate = candidates[id][i].range;
      if (std::ranges::any_of(tried, [&](const ValueRange& other) { return alike(candidate, other); }))
        continue;
      tried.push_back(candidate);
      range = candidate;
      TRY_ASSIGN(const double error, judge.error_of(graph));
      // A gain that is no more than chance is none.
      constexpr double kGain = 0.99;
      if (error >= least * kGain) continue;
      least = error;
      best = i;
    }
    range = candidates[id][best].range;
    const std::string_view method = candidates[id][best].method;
    const auto found = std::ranges::find(report.methods, method,
                                         [](const auto& entry) { return std::string_view(entry.first); });
    if (found != report.methods.end())
      ++found->second;
    else
      report.methods.emplace_back(candidates[id][best].method, 1);
    if (tick) tick();
  }
  return report;
}

}  // namespace linnet

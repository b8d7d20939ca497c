#include "compress/observer.h"

#include <algorithm>
#include <unordered_map>

#include "passes/pipeline.h"

namespace linnet {

namespace {

// How the pass `quantize` names what it makes of a value.
constexpr const char* kCodes = "/codes";
constexpr const char* kReal = "/f32";

// Where values of a simplified graph are to be found once the rest of the passes have been over it.
class Survivors {
 public:
  Survivors(const Graph& simplified, const Graph& optimised)
      : simplified_(simplified), optimised_(optimised), place_(simplified.value_count(), kNone) {
    for (const Node& node : simplified.nodes())
      for (ValueId id : node.outputs) {
        place_[id] = place_of(node, id);
        if (place_[id] != kNone) last_[place_[id]] = id;
      }
  }

  // Is this value computed, and not an intermediate result of an epilogue?
  bool contain(ValueId id) const { return place_[id] != kNone && last_.at(place_[id]) == id; }
  bool as_codes(ValueId id) const { return optimised_.value(place_[id]).dtype == DType::I8; }

 private:
  ValueId place_of(const Node& node, ValueId id) const {
    for (const char* suffix : {"", kCodes, kReal}) {
      const ValueId found = optimised_.find_value(simplified_.value(id).name + suffix);
      if (found != kNone && optimised_.value(found).producer != kNone) return found;
    }
    if (node.op != Op::elementwise) return kNone;
    // It became the epilogue of the node of one operand, which now computes it and reads the other operands.
    for (ValueId operand : node.inputs) {
      const ValueId place = place_[operand];
      if (place == kNone) continue;
      const Node& host = optimised_.node(optimised_.value(place).producer);
      const bool reads_others = std::ranges::all_of(node.inputs, [&](ValueId other) {
        return other == operand || place_[other] == kNone ||
               std::ranges::find(host.inputs, place_[other]) != host.inputs.end();
      });
      if (host.attrs.has(Attr::epilogue) && reads_others) return place;
    }
    return kNone;
  }

  const Graph& simplified_;
  const Graph& optimised_;
  std::vector<ValueId> place_;                 // of each value of the simplified graph
  std::unordered_map<ValueId, ValueId> last_;  // by place: the last value of which it is the place
};

// The only use of each value, where that is a concatenation.
std::vector<bool> only_concatenated(const Graph& graph) {
  const std::vector<uint32_t> uses = graph.use_counts();
  std::vector<bool> only(graph.value_count());
  for (const Node& node : graph.nodes())
    for (ValueId id : node.inputs) only[id] = node.op == Op::concat && uses[id] == 1;
  return only;
}

}  // namespace

Result<Observer> Observer::create(Graph graph, const CompileOptions& options) {
  Observer observer;
  if (!options.quantize) graph.ranges.clear();
  Graph optimised = graph;
  TRY(run_passes(optimised));
  TRY(simplify(graph));
  const Survivors survivors(graph, optimised);
  const std::vector<bool> concatenated = only_concatenated(graph);
  std::vector<GraphPort> outputs;
  for (const Node& node : graph.nodes()) {
    for (ValueId id : node.outputs) {
      const Value& value = graph.value(id);
      if (value.dtype != DType::F32 || value.shape.elements() == 0) continue;
      if (!survivors.contain(id)) continue;
      const bool codes = survivors.as_codes(id);
      if (codes && concatenated[id]) continue;
      observer.values_.push_back({value.name, node.op, value.shape, codes, outputs.size()});
      outputs.push_back({value.name, id});
    }
  }
  graph.outputs = std::move(outputs);
  TRY_ASSIGN(observer.session_, compile_cpu(std::move(graph), options, nullptr));
  return observer;
}

std::span<const float> Observer::elements(size_t i) {
  const TensorView view = session_->output(values_[i].output);
  return {view.as<float>(), static_cast<size_t>(view.elements())};
}

}  // namespace linnet

#include "compress/layer_choice.h"

#include <algorithm>
#include <numeric>

#include "compress/operands.h"
#include "graph/op_def.h"

namespace linnet {

namespace {

// Samples on which layers are compared.
constexpr size_t kCompared = 32;

double error_of(const Deviation& deviation) {
  return deviation.classifies ? deviation.divergence : -deviation.sqnr;
}

}  // namespace

LayerSensitivity describe_layer(const Graph& graph, const Node& node) {
  LayerSensitivity layer;
  layer.name = node.name;
  layer.op = op_def(node.op).name;
  layer.weights = static_cast<size_t>(graph.value(node.inputs[1]).shape.elements());
  return layer;
}

Graph LayerChoice::with(const std::vector<bool>& quantised) const {
  Graph graph = quantised_;
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (quantised[i]) continue;
    const NodeId id = layers_[i];
    graph.ranges.erase(graph.value(graph.node(id).outputs[0]).name);
    const std::vector<ValueId>& inputs = original_.node(id).inputs;
    for (size_t k = 1; k < inputs.size(); ++k)
      set_operand(graph, id, k, graph.node(id).name, original_.value(inputs[k]).constant);
    graph.node(id).inputs.resize(inputs.size());
  }
  graph.drop_unused_constants();
  return graph;
}

Result<std::vector<LayerSensitivity>> LayerChoice::compare(const Samples& samples, int threads,
                                                           const Tick& tick) const {
  TRY_ASSIGN(const Judge judge, Judge::create(original_, samples, kCompared, threads));
  std::vector<LayerSensitivity> layers;
  for (size_t i = 0; i < layers_.size(); ++i) {
    LayerSensitivity& layer = layers.emplace_back(describe_layer(quantised_, quantised_.node(layers_[i])));
    std::vector<bool> alone(layers_.size());
    alone[i] = true;
    TRY_ASSIGN(layer.deviation, judge.deviation_of(with(alone), {}));
    if (tick) tick();
  }
  return layers;
}

// Few trials: the number of layers kept doubles, and is then halved to the least that will do.
Result<LayerChoice::Kept> LayerChoice::keep(std::vector<LayerSensitivity>& layers, const Samples& samples,
                                            std::span<const size_t> labels, double most_drop,
                                            int threads) const {
  TRY_ASSIGN(const Judge judge, Judge::create(original_, samples, samples.size(), threads));
  std::vector<size_t> order(layers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) {
    const double of_a = error_of(layers[a].deviation), of_b = error_of(layers[b].deviation);
    return of_a != of_b ? of_a > of_b : a < b;
  });
  const auto with_kept = [&](size_t kept) {
    std::vector<bool> quantised(layers.size(), true);
    for (size_t i = 0; i < kept; ++i) quantised[order[i]] = false;
    return with(quantised);
  };
  Kept result;
  const auto fits = [&](size_t kept) -> Result<bool> {
    TRY_ASSIGN(result.deviation, judge.deviation_of(with_kept(kept), labels));
    return result.deviation.drop <= most_drop;
  };
  size_t most = 0, least = 0;  // kept: enough, and too few
  for (;; most = std::min(std::max<size_t>(2 * most, 1), layers.size())) {
    TRY_ASSIGN(const bool enough, fits(most));
    if (enough || most == layers.size()) break;
    least = most;
  }
  while (most > least + 1) {
    const size_t middle = (most + least) / 2;
    TRY_ASSIGN(const bool enough, fits(middle));
    (enough ? most : least) = middle;
  }
  TRY_ASSIGN(const bool enough, fits(most));
  (void)enough;
  for (size_t i = 0; i < most; ++i) layers[order[i]].kept = true;
  result.graph = with_kept(most);
  return result;
}

}  // namespace linnet

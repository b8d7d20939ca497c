#include "compress/post_training.h"

#include <algorithm>
#include <numeric>

#include "compress/equalise.h"
#include "compress/operands.h"
#include "compress/round_layers.h"
#include "graph/op_def.h"

namespace linnet {

namespace {

// Samples by whose answers ranges and biases are chosen, and by which layers are compared.
constexpr size_t kJudged = 24;
constexpr size_t kCompared = 32;

class PostTraining {
 public:
  PostTraining(Graph& graph, const Samples& samples, const QuantizeOptions& options)
      : graph_(graph), samples_(samples), options_(options) {}

  Result<QuantizeReport> run() {
    graph_.ranges.clear();
    TRY_ASSIGN(Statistics statistics, measure_model());
    TRY_ASSIGN(report_.equalised, equalise(graph_, statistics));
    TRY_ASSIGN(statistics, measure_model());
    float_ = graph_;
    TRY_ASSIGN(Judge judge, Judge::create(graph_, samples_, kJudged, options_.threads));
    TRY_ASSIGN(const auto candidates, range_candidates(graph_, statistics, samples_, options_.threads,
                                                       stage("samples counted", samples_.size())));
    TRY_ASSIGN(report_.ranges, choose_ranges(graph_, candidates, judge,
                                             stage("ranges chosen", values_to_choose(graph_, candidates))));
    layers_ = quantizable_layers(graph_);
    TRY(round_layers(graph_, samples_, judge, options_.threads, stage("layers rounded", layers_.size())));
    TRY(compare_layers());
    TRY(keep_layers());
    return std::move(report_);
  }

 private:
  Tick stage(const char* what, size_t total) const {
    return [this, what, total, done = size_t{0}]() mutable {
      if (options_.progress) options_.progress(what, ++done, total);
    };
  }

  Result<Statistics> measure_model() {
    TRY_ASSIGN(Statistics statistics, measure(graph_, samples_, options_.names, options_.threads,
                                              stage("samples measured", samples_.size())));
    const bool varies = std::ranges::any_of(statistics, [](const ValueStatistics& value) {
      return !value.largest.empty() && value.extremes.low < value.extremes.high;
    });
    if (!varies)
      return fail(ErrorCode::InvalidArgument, "every value stays the same: these samples cannot calibrate");
    return statistics;
  }

  // The quantised model with only the layers that `quantised` says in int8.
  Graph with_layers(const std::vector<bool>& quantised) const {
    Graph graph = graph_;
    for (size_t i = 0; i < layers_.size(); ++i) {
      if (quantised[i]) continue;
      const NodeId id = layers_[i];
      graph.ranges.erase(graph.value(graph.node(id).outputs[0]).name);
      const std::vector<ValueId>& inputs = float_.node(id).inputs;
      for (size_t k = 1; k < inputs.size(); ++k)
        set_operand(graph, id, k, graph.node(id).name, float_.value(inputs[k]).constant);
      graph.node(id).inputs.resize(inputs.size());
    }
    graph.drop_unused_constants();
    return graph;
  }

  Result<void> compare_layers() {
    TRY_ASSIGN(const Judge judge, Judge::create(float_, samples_, kCompared, options_.threads));
    const Tick tick = stage("layers compared", layers_.size());
    for (size_t i = 0; i < layers_.size(); ++i) {
      const Node& node = graph_.node(layers_[i]);
      LayerSensitivity& layer = report_.layers.emplace_back();
      layer.name = node.name;
      layer.op = op_def(node.op).name;
      layer.weights = static_cast<size_t>(graph_.value(node.inputs[1]).shape.elements());
      std::vector<bool> alone(layers_.size());
      alone[i] = true;
      TRY_ASSIGN(layer.deviation, judge.deviation_of(with_layers(alone), {}));
      tick();
    }
    return {};
  }

  // Layers stay f32, those of the largest error first, until the drop is within the budget. Few trials: their
  // number doubles, and is then halved to the least that will do.
  Result<void> keep_layers() {
    TRY_ASSIGN(const Judge judge, Judge::create(float_, samples_, samples_.size(), options_.threads));
    std::vector<size_t> order(layers_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::sort(order, [&](size_t a, size_t b) {
      const double of_a = error_of(report_.layers[a].deviation), of_b = error_of(report_.layers[b].deviation);
      return of_a != of_b ? of_a > of_b : a < b;
    });
    const auto with_kept = [&](size_t kept) {
      std::vector<bool> quantised(layers_.size(), true);
      for (size_t i = 0; i < kept; ++i) quantised[order[i]] = false;
      return with_layers(quantised);
    };
    const auto fits = [&](size_t kept) -> Result<bool> {
      TRY_ASSIGN(report_.deviation, judge.deviation_of(with_kept(kept), options_.labels));
      return report_.deviation.drop <= options_.most_drop;
    };
    size_t most = 0, least = 0;  // kept: enough, and too few
    for (;; most = std::min(std::max<size_t>(2 * most, 1), layers_.size())) {
      TRY_ASSIGN(const bool enough, fits(most));
      if (enough || most == layers_.size()) break;
      least = most;
    }
    while (most > least + 1) {
      const size_t middle = (most + least) / 2;
      TRY_ASSIGN(const bool enough, fits(middle));
      (enough ? most : least) = middle;
    }
    TRY_ASSIGN(const bool enough, fits(most));
    (void)enough;
    for (size_t i = 0; i < most; ++i) report_.layers[order[i]].kept = true;
    if (most > 0) graph_ = with_kept(most);
    return {};
  }

  static double error_of(const Deviation& deviation) {
    return deviation.classifies ? deviation.divergence : -deviation.sqnr;
  }

  Graph& graph_;
  const Samples& samples_;
  const QuantizeOptions& options_;
  Graph float_;  // equalised
  std::vector<NodeId> layers_;
  QuantizeReport report_;
};

}  // namespace

Result<QuantizeReport> quantize_model(Graph& graph, const Samples& samples, const QuantizeOptions& options) {
  if (samples.empty()) return fail(ErrorCode::InvalidArgument, "there are no samples to calibrate with");
  if (graph.inputs.size() != 1)
    return fail(ErrorCode::InvalidArgument, "the model has %zu inputs, one can be calibrated",
                graph.inputs.size());
  return PostTraining(graph, samples, options).run();
}

}  // namespace linnet

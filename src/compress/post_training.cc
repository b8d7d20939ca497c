#include "compress/post_training.h"

#include <algorithm>
#include <map>

#include "base/half.h"
#include "compress/equalise.h"
#include "compress/operands.h"
#include "compress/round_layers.h"
#include "compress/rounding.h"
#include "passes/quantize_weights.h"

namespace linnet {

namespace {

// Samples by whose answers ranges and biases are chosen.
constexpr size_t kJudged = 24;

// Layers of more rows and fewer weights take longer over codes than in f32: making codes and scaling sums
// costs more than the products save.
constexpr int64_t kFewRows = 256;
constexpr int64_t kManyWeights = 12288;

bool is_worth_codes(const Graph& graph, const Node& node) {
  if (!rows_are_quantizable(graph, node)) return false;
  const Shape& result = graph.value(node.outputs[0]).shape;
  return result.elements() / result.back() <= kFewRows ||
         graph.value(node.inputs[1]).shape.elements() >= kManyWeights;
}

Result<Tensor> to_nearest_codes(const Tensor& source, const WeightLayout& layout) {
  TRY_ASSIGN(Tensor result, Tensor::zeros(DType::F32, source.shape()));
  Eigen::MatrixXd channel(layout.depth, 1);
  for (int64_t c = 0; c < layout.channels; ++c) {
    for (int64_t k = 0; k < layout.depth; ++k)
      channel(k, 0) = static_cast<double>(source.as<float>()[layout.index(k, c)]);
    const Eigen::MatrixXf rounded = round_to_nearest(channel).weights();
    for (int64_t k = 0; k < layout.depth; ++k) result.mutable_as<float>()[layout.index(k, c)] = rounded(k, 0);
  }
  return result;
}

class PostTraining {
 public:
  PostTraining(Graph& graph, const Samples& samples, const QuantizeOptions& options)
      : graph_(graph), samples_(samples), options_(options) {}

  Result<QuantizeReport> run_dynamically() {
    graph_.ranges.clear();
    float_ = graph_;
    std::vector<NodeId> layers;
    for (NodeId id = 0; id < graph_.node_count(); ++id)
      if (is_worth_codes(graph_, graph_.node(id))) layers.push_back(id);
    if (layers.empty())
      return fail(
          ErrorCode::InvalidArgument,
          "the model has no matrix product and no 1x1 convolution of constant weights and at most %lld "
          "rows, or at least %lld weights",
          static_cast<long long>(kFewRows), static_cast<long long>(kManyWeights));
    TRY(round_weights(layers));
    for (const NodeId id : layers)
      graph_.ranges[graph_.value(graph_.node(id).outputs[0]).name] = {.dynamic = true};
    if (!samples_.empty()) {
      TRY(check_samples(graph_, samples_, options_.names));
      TRY(choose_layers(layers));
      return std::move(report_);
    }
    for (const NodeId id : layers) report_.layers.push_back(describe_layer(graph_, graph_.node(id)));
    return std::move(report_);
  }

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
    const std::vector<NodeId> layers = quantizable_layers(graph_);
    TRY(round_layers(graph_, samples_, judge, options_.threads, stage("layers rounded", layers.size())));
    TRY(choose_layers(layers));
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

  // The layers' weights to the nearest codes. Layers that share weights go on sharing them.
  Result<void> round_weights(const std::vector<NodeId>& layers) {
    std::map<std::pair<ValueId, bool>, ValueId> rounded;
    for (const NodeId id : layers) {
      const WeightLayout layout = weight_layout(graph_, graph_.node(id));
      const ValueId source = graph_.node(id).inputs[1];
      ValueId& own = rounded.try_emplace({source, layout.channels_first}, kNone).first->second;
      if (own != kNone) {
        graph_.node(id).inputs[1] = own;
        continue;
      }
      TRY_ASSIGN(Tensor weights, to_nearest_codes(graph_.value(source).constant, layout));
      set_operand(graph_, id, 1, graph_.node(id).name + "/weights", std::move(weights));
      own = graph_.node(id).inputs[1];
    }
    return {};
  }

  Result<void> choose_layers(const std::vector<NodeId>& layers) {
    const LayerChoice choice(float_, graph_, layers);
    TRY_ASSIGN(report_.layers,
               choice.compare(samples_, options_.threads, stage("layers compared", layers.size())));
    TRY_ASSIGN(auto kept,
               choice.keep(report_.layers, samples_, options_.labels, options_.most_drop, options_.threads));
    report_.deviation = kept.deviation;
    graph_ = std::move(kept.graph);
    return {};
  }

  Graph& graph_;
  const Samples& samples_;
  const QuantizeOptions& options_;
  Graph float_;  // equalised
  QuantizeReport report_;
};

}  // namespace

Result<QuantizeReport> quantize_dynamically(Graph& graph, const Samples& samples,
                                            const QuantizeOptions& options) {
  return PostTraining(graph, samples, options).run_dynamically();
}

bool are_mostly_halves(const Graph& graph) {
  ptrdiff_t halves = 0, all = 0;
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Tensor& source = graph.value(id).constant;
    if (source.empty() || source.dtype() != DType::F32 || source.shape().rank() < 2) continue;
    const std::span elements(source.as<float>(), static_cast<size_t>(source.shape().elements()));
    all += std::ssize(elements);
    halves += std::ranges::count_if(elements, [](float x) { return half_to_float(float_to_half(x)) == x; });
  }
  return all > 0 && halves * 10 >= all * 9;
}

Result<QuantizeReport> round_to_halves(Graph& graph, const Samples& samples, const QuantizeOptions& options) {
  graph.ranges.clear();
  const Graph original = graph;
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Tensor source = graph.value(id).constant;
    if (source.empty() || source.dtype() != DType::F32 || source.shape().rank() < 2) continue;
    const std::span elements(source.as<float>(), static_cast<size_t>(source.shape().elements()));
    if (!std::ranges::all_of(elements, fits_half)) continue;
    TRY_ASSIGN(Tensor halves, Tensor::zeros(DType::F32, source.shape()));
    std::ranges::transform(elements, halves.mutable_as<float>(),
                           [](float x) { return half_to_float(float_to_half(x)); });
    graph.value(id).constant = std::move(halves);
  }
  QuantizeReport report;
  if (samples.empty()) return report;
  TRY(check_samples(graph, samples, options.names));
  TRY_ASSIGN(const Judge judge, Judge::create(original, samples, samples.size(), options.threads));
  TRY_ASSIGN(report.deviation, judge.deviation_of(graph, options.labels));
  return report;
}

Result<QuantizeReport> quantize_model(Graph& graph, const Samples& samples, const QuantizeOptions& options) {
  if (samples.empty()) return fail(ErrorCode::InvalidArgument, "there are no samples to calibrate with");
  if (graph.inputs.size() != 1)
    return fail(ErrorCode::InvalidArgument, "the model has %zu inputs, one can be calibrated",
                graph.inputs.size());
  return PostTraining(graph, samples, options).run();
}

}  // namespace linnet

#include "compress/prune.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "compress/channel_budget.h"
#include "compress/channel_order.h"
#include "compress/distil.h"
#include "compress/least_squares.h"
#include "compress/output_error.h"
#include "compress/reconstruct.h"
#include "compress/remove_channels.h"
#include "graph/op_def.h"

namespace linnet {

namespace {

// A group is tried with these parts of its channels gone.
constexpr double kTried[] = {0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 0.97};
// On at most so many samples.
constexpr size_t kTrialSamples = 50;
// Of each sample's rows at most so many count for a covariance.
constexpr int64_t kMaxRows = 1024;
constexpr int kMaxColumns = 2400;

class Pruning {
 public:
  Pruning(const Graph& graph, const Samples& samples, const PruneOptions& options)
      : graph_(graph), samples_(samples), options_(options), groups_(ChannelGroups::find(graph)) {}

  Result<PruneResult> run();

 private:
  // Samples whose views lie together are of one half.
  size_t half_of(size_t sample) const { return sample / std::max<size_t>(options_.views, 1) % 2; }
  bool calibrated() const { return !samples_.empty(); }
  void progress(const char* stage, size_t done, size_t total) const {
    if (options_.progress) options_.progress(stage, done, total);
  }
  Result<void> measure_consumers();
  void order_channels();
  Result<void> try_groups();
  void weigh_groups();
  Result<std::vector<double>> try_group(size_t group, SampleRunner& runner, const OutputError& judge);
  // Errors of all numbers of channels removed, by the local error between those that were tried.
  GroupCurve curve(size_t group, const std::vector<double>& errors) const;
  size_t most_removed(size_t group) const {
    const double channels = groups_.groups()[group].channels;
    return static_cast<size_t>(std::min(channels - 1, std::floor(channels * options_.most_removed)));
  }
  std::vector<size_t> tried(size_t group) const;
  // The graph, all channels there, with consumers that do without the first `removed` ones of the order.
  Result<void> compensate(const std::map<NodeId, ConsumerStatistics>& statistics, Graph& graph, size_t group,
                          size_t removed) const;
  std::vector<const ConsumerStatistics*> statistics_of(size_t group) const {
    std::vector<const ConsumerStatistics*> result;
    for (const ChannelConsumer& consumer : groups_.groups()[group].consumers)
      result.push_back(&statistics_.at(consumer.node));
    return result;
  }
  PrunedGroup report(size_t group, const std::vector<int32_t>& kept) const;

  const Graph& graph_;
  const Samples& samples_;
  const PruneOptions& options_;
  ChannelGroups groups_;
  std::map<NodeId, ConsumerStatistics> statistics_, half_statistics_[2];
  std::vector<std::vector<int32_t>> orders_;
  std::vector<GroupCurve> curves_;
};

Result<void> Pruning::measure_consumers() {
  std::vector<NodeId> nodes;
  for (const ChannelGroup& group : groups_.groups())
    for (const ChannelConsumer& consumer : group.consumers)
      if (!statistics_.contains(consumer.node)) {
        nodes.push_back(consumer.node);
        ConsumerStatistics& one = statistics_[consumer.node];
        one.weights = patch_weights(graph_, graph_.node(consumer.node));
        one.variance = 1;
      }
  if (!calibrated()) return {};
  std::vector<ValueId> values;
  std::vector<Patches> patches;
  std::vector<Moments> moments[2];
  for (NodeId id : nodes) {
    values.push_back(averaged_value(graph_, graph_.node(id)));
    if (values.back() == graph_.node(id).inputs[0])
      patches.emplace_back(graph_, graph_.node(id), kMaxRows);
    else
      patches.emplace_back(graph_.value(values.back()).shape, kMaxRows);
    if (patches.back().columns() > kMaxColumns)
      return fail(ErrorCode::InvalidArgument,
                  "%s reads %d numbers for each result, at most %d can be solved for",
                  describe(graph_.node(id)).c_str(), patches.back().columns(), kMaxColumns);
    for (std::vector<Moments>& half : moments) half.emplace_back(patches.back().columns(), 0);
  }
  SampleRunner runner(graph_, samples_, options_.threads);
  std::vector<float> scratch;
  const NodeId last = static_cast<NodeId>(graph_.node_count() - 1);
  TRY(runner.visit(graph_, last, values, [&](size_t sample, std::span<const TensorView> views) {
    for (size_t i = 0; i < nodes.size(); ++i)
      moments[half_of(sample)][i].add(patches[i].extract(views[i].as<float>(), scratch), nullptr,
                                      patches[i].rows());
    progress("samples", sample + 1, runner.samples());
  }));
  for (size_t i = 0; i < nodes.size(); ++i) {
    ConsumerStatistics& one = statistics_[nodes[i]];
    for (int half = 0; half < 2; ++half)
      if (moments[half][i].count > 0)
        half_statistics_[half][nodes[i]] = {one.weights, moments[half][i].covariance(),
                                            moments[half][i].x_mean()};
    moments[0][i].add(moments[1][i]);
    one.covariance = moments[0][i].covariance();
    one.mean = moments[0][i].x_mean();
    one.variance = weights_error(one.covariance, one.weights,
                                 Eigen::MatrixXd::Zero(one.weights.rows(), one.weights.cols()));
  }
  return {};
}

void Pruning::order_channels() {
  for (size_t g = 0; g < groups_.groups().size(); ++g) {
    orders_.push_back(removal_order(graph_, groups_.groups()[g], statistics_of(g), options_.criterion));
    progress("groups ordered", g + 1, groups_.groups().size());
  }
}

std::vector<size_t> Pruning::tried(size_t group) const {
  std::vector<size_t> counts;
  for (double part : kTried) {
    const size_t count =
        static_cast<size_t>(std::lround(part * static_cast<double>(groups_.groups()[group].channels)));
    if (count > 0 && count <= most_removed(group) && (counts.empty() || count > counts.back()))
      counts.push_back(count);
  }
  return counts;
}

Result<void> Pruning::compensate(const std::map<NodeId, ConsumerStatistics>& statistics, Graph& graph,
                                 size_t group, size_t removed) const {
  for (const ChannelConsumer& consumer : groups_.groups()[group].consumers) {
    const ConsumerStatistics& one = statistics.at(consumer.node);
    const std::vector<int32_t> rows = kept_rows(consumer, one.weights.rows(), orders_[group], removed);
    // Of the weights as they are by now: another group may have changed the same consumer.
    const Eigen::MatrixXd now = patch_weights(graph, graph.node(consumer.node));
    const double ridge = best_ridge(half_statistics_[0].at(consumer.node).covariance,
                                    half_statistics_[1].at(consumer.node).covariance, now, rows);
    const Eigen::MatrixXd fitted = fit_without(one.covariance, now, rows, ridge);
    const Eigen::VectorXd bias =
        bias_of(graph, graph.node(consumer.node)) + (now - fitted).transpose() * one.mean;
    TRY(set_patch_weights(graph, consumer.node, fitted, bias));
  }
  return {};
}

Result<std::vector<double>> Pruning::try_group(size_t group, SampleRunner& runner, const OutputError& judge) {
  std::vector<double> errors;
  for (size_t removed : tried(group)) {
    Graph changed = graph_;
    TRY(compensate(half_statistics_[0], changed, group, removed));
    double error = 0;
    TRY(runner.visit(
        changed, static_cast<NodeId>(graph_.node_count() - 1), judge.values(),
        [&](size_t sample, std::span<const TensorView> outputs) { error += judge.of(sample, outputs); }));
    errors.push_back(error / static_cast<double>(runner.samples()));
  }
  return errors;
}

GroupCurve Pruning::curve(size_t group, const std::vector<double>& errors) const {
  const std::vector<size_t> counts = tried(group);
  GroupCurve result{{0.0}};
  double low = 0;
  size_t from = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double high = std::max(errors[i], low);
    // A channel more costs more than the one before it.
    for (size_t k = from + 1; k <= counts[i]; ++k) {
      const double part = static_cast<double>(k - from) / static_cast<double>(counts[i] - from);
      result.error.push_back(low + (high - low) * part);
    }
    low = high;
    from = counts[i];
  }
  return result;
}

Result<void> Pruning::try_groups() {
  const OutputError probe(graph_);
  OutputError judge = probe;
  Samples held_out;
  for (size_t i = 0; i < samples_.size(); ++i)
    if (half_of(i) == 1 || samples_.size() == options_.views) held_out.push_back(samples_[i]);
  const size_t stride = std::max<size_t>(1, held_out.size() / kTrialSamples);
  SampleRunner runner(graph_, held_out, options_.threads, stride);
  const NodeId last = static_cast<NodeId>(graph_.node_count() - 1);
  TRY(runner.visit(graph_, last, judge.values(), [&](size_t sample, std::span<const TensorView> outputs) {
    judge.set_original(sample, outputs);
  }));
  // In the order of the graph, so that what comes before a group's consumers is computed once.
  std::vector<size_t> order(groups_.groups().size());
  for (size_t g = 0; g < order.size(); ++g) order[g] = g;
  const auto first = [&](size_t g) { return groups_.groups()[g].consumers[0].node; };
  std::ranges::sort(order,
                    [&](size_t a, size_t b) { return std::pair(first(a), a) < std::pair(first(b), b); });
  curves_.resize(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    TRY(runner.advance(graph_, first(order[i])));
    TRY_ASSIGN(const std::vector<double> errors, try_group(order[i], runner, judge));
    curves_[order[i]] = curve(order[i], errors);
    progress("groups tried", i + 1, order.size());
  }
  return {};
}

PrunedGroup Pruning::report(size_t group, const std::vector<int32_t>& kept) const {
  const ChannelGroup& one = groups_.groups()[group];
  PrunedGroup result{graph_.node(one.producers[0]).name, one.channels, kept[group], 0, 0, 0};
  std::vector<int32_t> alone;
  for (const ChannelGroup& other : groups_.groups()) alone.push_back(other.channels);
  const int64_t all = groups_.macs(graph_, alone);
  alone[group] = 0;
  const int64_t without = groups_.macs(graph_, alone);
  result.macs = all - without;
  alone[group] = kept[group];
  result.macs_kept = groups_.macs(graph_, alone) - without;
  result.error = curves_[group].error[static_cast<size_t>(one.channels - kept[group])];
  return result;
}

Result<PruneResult> Pruning::run() {
  if (needs_samples(options_.criterion) && !calibrated())
    return fail(ErrorCode::InvalidArgument, "this criterion needs calibration samples");
  if (calibrated()) TRY(check_samples(graph_, samples_));
  if (groups_.groups().empty())
    return fail(ErrorCode::InvalidArgument, "the model has no channels that could be removed");
  TRY(measure_consumers());
  order_channels();
  if (calibrated())
    TRY(try_groups());
  else
    weigh_groups();
  PruneResult result;
  std::vector<int32_t> kept;
  for (const ChannelGroup& group : groups_.groups()) kept.push_back(group.channels);
  result.macs = groups_.macs(graph_, kept);
  const int64_t target = static_cast<int64_t>(options_.macs * static_cast<double>(result.macs));
  TRY_ASSIGN(kept, allocate_channels(graph_, groups_, curves_, target, options_.multiple));
  result.macs_kept = groups_.macs(graph_, kept);

  std::vector<std::vector<int32_t>> channels;
  Graph compensated = graph_;
  for (size_t g = 0; g < kept.size(); ++g) {
    result.groups.push_back(report(g, kept));
    const size_t removed = static_cast<size_t>(groups_.groups()[g].channels - kept[g]);
    std::vector<int32_t> stay(orders_[g].begin() + static_cast<ptrdiff_t>(removed), orders_[g].end());
    std::ranges::sort(stay);
    channels.push_back(std::move(stay));
    if (calibrated() && removed > 0) TRY(compensate(statistics_, compensated, g, removed));
  }
  // Compensation gives nodes constants of their own, of which the groups have to know.
  const ChannelGroups groups = ChannelGroups::find(compensated);
  TRY_ASSIGN(result.graph, remove_channels(compensated, groups, channels));
  if (calibrated()) {
    TRY(reconstruct(graph_, groups_, channels, samples_,
                    {.threads = options_.threads,
                     .views = options_.views,
                     .progress = [&](size_t done, size_t total) { progress("layers solved", done, total); }},
                    result.graph));
    if (options_.steps > 0) {
      const Value& input = graph_.value(graph_.inputs[0].value);
      const bool augment =
          options_.images && input.dtype == DType::F32 && input.shape.rank() == 4 && input.shape[0] == 1;
      TRY_ASSIGN(
          const bool trained,
          distil(graph_, channels, samples_,
                 {.threads = options_.threads,
                  .steps = options_.steps,
                  .augment = augment,
                  .progress = [&](size_t done, size_t total) { progress("steps of training", done, total); }},
                 result.graph));
      // What reads the features has to follow them.
      if (trained)
        TRY(reconstruct(graph_, groups_, channels, samples_,
                        {.threads = options_.threads, .views = options_.views, .first = last_product(graph_)},
                        result.graph));
    }
    TRY_ASSIGN(result.error, answers_error(graph_, result.graph, samples_, options_.threads));
  }
  return result;
}

}  // namespace

// Without samples a channel is worth its part of the group's weights, and a group as much as any other.
void Pruning::weigh_groups() {
  for (size_t g = 0; g < groups_.groups().size(); ++g) {
    const ChannelGroup& group = groups_.groups()[g];
    const std::vector<double> worth = channel_norms(graph_, group, options_.criterion == PruneCriterion::L2);
    GroupCurve curve{{0.0}};
    for (size_t i = 0; i < most_removed(g); ++i)
      curve.error.push_back(curve.error.back() + worth[static_cast<size_t>(orders_[g][i])]);
    curves_.push_back(std::move(curve));
  }
}

Result<double> answers_error(const Graph& original, const Graph& changed, const Samples& samples,
                             int threads) {
  OutputError judge(original);
  SampleRunner before(original, samples, threads), after(changed, samples, threads);
  TRY(before.visit(
      original, static_cast<NodeId>(original.node_count() - 1), judge.values(),
      [&](size_t sample, std::span<const TensorView> outputs) { judge.set_original(sample, outputs); }));
  const OutputError found(changed);
  double error = 0;
  TRY(after.visit(
      changed, static_cast<NodeId>(changed.node_count() - 1), found.values(),
      [&](size_t sample, std::span<const TensorView> outputs) { error += judge.of(sample, outputs); }));
  return error / static_cast<double>(std::max<size_t>(samples.size(), 1));
}

Result<PruneResult> prune(const Graph& graph, const Samples& samples, const PruneOptions& options) {
  return Pruning(graph, samples, options).run();
}

}  // namespace linnet

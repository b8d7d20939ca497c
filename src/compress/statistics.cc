#include "compress/statistics.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "graph/op_def.h"
#include "passes/quantize_weights.h"

namespace linnet {

namespace {

bool is_observed(const Value& value) {
  return value.dtype == DType::F32 && !value.is_constant() && value.shape.elements() > 0;
}

size_t channels_of(const Value& value) {
  return value.shape.rank() == 0 ? 1 : static_cast<size_t>(value.shape.back());
}

// The observed values: inputs and results of nodes.
std::vector<ValueId> observed_values(const Graph& graph) {
  std::vector<ValueId> ids;
  const auto observe = [&](ValueId id) {
    if (is_observed(graph.value(id))) ids.push_back(id);
  };
  for (const GraphPort& port : graph.inputs) observe(port.value);
  for (const Node& node : graph.nodes())
    for (const ValueId id : node.outputs) observe(id);
  return ids;
}

std::span<const float> elements_of(const TensorView& tensor) {
  return {tensor.as<float>(), static_cast<size_t>(tensor.elements())};
}

// Takes one sample's elements into account; false when one is not finite.
bool observe(std::span<const float> elements, double share, ValueStatistics& value,
             std::vector<double>& low_high) {
  const size_t channels = value.largest.size();
  ValueRange range{elements[0], elements[0]};
  float check = 0;
  for (size_t i = 0; i < elements.size(); i += channels)
    for (size_t c = 0; c < channels; ++c) {
      const float x = elements[i + c];
      check += x * 0;  // NaN once one is not finite
      range.low = std::min(range.low, x);
      range.high = std::max(range.high, x);
      value.largest[c] = std::max(value.largest[c], std::abs(x));
      value.energy[c] += static_cast<float>(share) * x * x;
    }
  if (check != 0 || std::isnan(check)) return false;
  value.extremes.low = std::min(value.extremes.low, range.low);
  value.extremes.high = std::max(value.extremes.high, range.high);
  low_high[0] += static_cast<double>(range.low);
  low_high[1] += static_cast<double>(range.high);
  return true;
}

// The sum of squares of the weights that read each input channel of an anchor.
std::vector<float> reading_weights(const Graph& graph, const Node& node) {
  const Shape& shape = graph.value(node.inputs[1]).shape;
  const WeightLayout layout = weight_layout(graph, node);
  const float* weights = graph.value(node.inputs[1]).constant.as<float>();
  const bool depthwise = node.op == Op::depthwise_conv2d;
  const int64_t inputs = depthwise ? layout.channels : node.op == Op::conv2d ? shape[2] : layout.depth;
  std::vector<float> sums(static_cast<size_t>(inputs));
  for (int64_t k = 0; k < layout.depth; ++k)
    for (int64_t c = 0; c < layout.channels; ++c) {
      const float w = weights[layout.index(k, c)];
      sums[static_cast<size_t>(depthwise ? c : k % inputs)] += w * w;
    }
  return sums;
}

}  // namespace

Result<Statistics> measure(const Graph& graph, const Samples& samples, std::span<const std::string> names,
                           int threads, const Tick& tick) {
  const std::vector<ValueId> ids = observed_values(graph);
  Graph plain = graph;
  plain.ranges.clear();
  TRY_ASSIGN(ValueRunner runner, ValueRunner::create(plain, ids, threads));
  Statistics statistics(graph.value_count());
  std::vector<std::vector<double>> low_high(ids.size(), std::vector<double>(2));
  for (const ValueId id : ids) {
    ValueStatistics& value = statistics[id];
    value.largest.resize(channels_of(graph.value(id)));
    value.energy.resize(value.largest.size());
    value.extremes = {INFINITY, -INFINITY};
  }
  for (size_t s = 0; s < samples.size(); ++s) {
    runner.run(samples[s]);
    for (size_t i = 0; i < ids.size(); ++i) {
      ValueStatistics& value = statistics[ids[i]];
      const auto elements = elements_of(runner.value(i));
      const double rows = static_cast<double>(elements.size() / value.largest.size() * samples.size());
      if (!observe(elements, 1 / rows, value, low_high[i]))
        return fail(ErrorCode::InvalidArgument, "%s: the value '%s' is not finite",
                    s < names.size() ? names[s].c_str() : ("sample " + std::to_string(s + 1)).c_str(),
                    graph.value(ids[i]).name.c_str());
    }
    if (tick) tick();
  }
  const double count = static_cast<double>(samples.size());
  for (size_t i = 0; i < ids.size(); ++i)
    statistics[ids[i]].typical = {static_cast<float>(low_high[i][0] / count),
                                  static_cast<float>(low_high[i][1] / count)};
  return statistics;
}

std::vector<std::vector<float>> error_weights(const Graph& graph) {
  std::vector<std::vector<float>> all(graph.value_count());
  const auto add = [&](ValueId id, std::span<const float> weights) {
    const Value& value = graph.value(id);
    if (!is_observed(value)) return;
    std::vector<float>& sums = all[id];
    sums.resize(channels_of(value));
    for (size_t c = 0; c < sums.size(); ++c) sums[c] += weights.size() == sums.size() ? weights[c] : 1;
  };
  for (const GraphPort& port : graph.outputs) add(port.value, {});
  for (size_t n = graph.node_count(); n-- > 0;) {
    const Node& node = graph.nodes()[n];
    if (weights_are_quantizable(graph, node)) {
      add(node.inputs[0], reading_weights(graph, node));
      continue;
    }
    size_t offset = 0;
    const std::vector<float>& result = all[node.outputs[0]];
    const bool joins = node.op == Op::concat &&
                       node.attrs.get_int(Attr::axis, 0) == graph.value(node.outputs[0]).shape.rank() - 1;
    for (const ValueId input : node.inputs) {
      const size_t channels = channels_of(graph.value(input));
      if (joins && result.size() >= offset + channels) {
        add(input, std::span(result).subspan(offset, channels));
        offset += channels;
      } else {
        add(input, result);
      }
    }
  }
  return all;
}

Result<std::vector<std::vector<RangeCandidate>>> range_candidates(const Graph& graph,
                                                                  const Statistics& statistics,
                                                                  const Samples& samples, int threads,
                                                                  const Tick& tick) {
  const std::vector<ValueId> ids = observed_values(graph);
  const std::vector<std::vector<float>> weights = error_weights(graph);
  Graph plain = graph;
  plain.ranges.clear();
  TRY_ASSIGN(ValueRunner runner, ValueRunner::create(plain, ids, threads));
  std::vector<std::optional<Histogram>> histograms(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    const ValueRange& extremes = statistics[ids[i]].extremes;
    const ValueRange wide{std::min(extremes.low, 0.0f), std::max(extremes.high, 0.0f)};
    if (wide.high > wide.low && std::isfinite(wide.high - wide.low))
      histograms[i].emplace(wide.low, wide.high);
  }
  for (const Tensor& sample : samples) {
    runner.run(sample);
    for (size_t i = 0; i < ids.size(); ++i)
      if (histograms[i]) histograms[i]->add(elements_of(runner.value(i)), weights[ids[i]]);
    if (tick) tick();
  }
  std::vector<std::vector<RangeCandidate>> all(graph.value_count());
  for (size_t i = 0; i < ids.size(); ++i) {
    std::vector<RangeCandidate>& candidates = all[ids[i]];
    candidates.push_back({"typical", statistics[ids[i]].typical});
    if (!histograms[i]) continue;
    candidates.push_back({"extremes", statistics[ids[i]].extremes});
    candidates.push_back({"percentile", percentile_range(*histograms[i], 1e-4)});
    candidates.push_back({"error", least_error_range(*histograms[i])});
    candidates.push_back({"entropy", entropy_range(*histograms[i])});
  }
  return all;
}

}  // namespace linnet

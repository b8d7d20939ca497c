#include "compress/deviation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace linnet {

namespace {

// The scores where they are probabilities, else their softmax.
std::vector<double> probabilities_of(std::span<const double> scores) {
  std::vector<double> result(scores.begin(), scores.end());
  const double sum = std::accumulate(result.begin(), result.end(), 0.0);
  if (std::abs(sum - 1) < 1e-3 && *std::ranges::min_element(result) >= 0) return result;
  const double most = *std::ranges::max_element(result);
  double total = 0;
  for (double& score : result) total += score = std::exp(score - most);
  for (double& score : result) score /= total;
  return result;
}

size_t best_of(std::span<const double> scores) {
  return static_cast<size_t>(std::ranges::max_element(scores) - scores.begin());
}

bool is_classifier(const Graph& graph) {
  if (graph.outputs.size() != 1) return false;
  const Shape& shape = graph.value(graph.outputs[0].value).shape;
  return shape.rank() > 0 && shape.back() > 1 && shape.elements() == shape.back();
}

}  // namespace

Result<ModelAnswers> answers_of(const Graph& graph, const Samples& samples, int threads) {
  std::vector<ValueId> outputs;
  for (const GraphPort& port : graph.outputs) outputs.push_back(port.value);
  TRY_ASSIGN(ValueRunner runner, ValueRunner::create(graph, outputs, threads));
  ModelAnswers answers;
  for (const Tensor& sample : samples) {
    runner.run(sample);
    std::vector<double>& answer = answers.emplace_back();
    for (size_t i = 0; i < outputs.size(); ++i) {
      const TensorView output = runner.value(i);
      for (int64_t k = 0; k < output.elements(); ++k)
        answer.push_back(element_as_double(output.dtype, output.data, k));
    }
  }
  return answers;
}

Deviation deviation_of(const Graph& graph, const ModelAnswers& original, const ModelAnswers& changed,
                       std::span<const size_t> labels) {
  Deviation deviation;
  deviation.classifies = is_classifier(graph);
  double noise = 0, signal = 0, sum = 0, count = 0;
  for (const std::vector<double>& answer : original)
    for (const double value : answer) sum += value, count += 1;
  double agreed = 0;
  for (size_t s = 0; s < original.size(); ++s) {
    for (size_t i = 0; i < original[s].size(); ++i) {
      const double error = changed[s][i] - original[s][i], apart = original[s][i] - sum / count;
      noise += error * error;
      signal += apart * apart;
    }
    if (!deviation.classifies) continue;
    const std::vector<double> p = probabilities_of(original[s]), q = probabilities_of(changed[s]);
    const size_t best = best_of(p), other = best_of(q);
    agreed += best == other;
    for (size_t i = 0; i < p.size(); ++i)
      if (p[i] > 0) deviation.divergence += p[i] * std::log(p[i] / std::max(q[i], 1e-12));
    deviation.drop +=
        labels.empty() ? p[best] - p[other] : static_cast<double>(best == labels[s]) - (other == labels[s]);
  }
  deviation.sqnr = noise > 0 ? 10 * std::log10(signal / noise) : INFINITY;
  const double samples = std::max<double>(static_cast<double>(original.size()), 1);
  if (deviation.classifies) {
    deviation.agreement = agreed / samples;
    deviation.divergence /= samples;
    deviation.drop *= 100 / samples;
  } else {
    deviation.drop = signal > 0 ? 100 * std::sqrt(noise / signal) : 0;
  }
  return deviation;
}

Result<Judge> Judge::create(const Graph& original, const Samples& samples, size_t most, int threads) {
  Judge judge;
  const size_t count = std::min(most, samples.size());
  for (size_t i = 0; i < count; ++i) judge.samples_.push_back(samples[i * samples.size() / count]);
  judge.threads_ = threads;
  Graph plain = original;
  plain.ranges.clear();
  TRY_ASSIGN(judge.answers_, answers_of(plain, judge.samples_, threads));
  return judge;
}

Result<double> Judge::error_of(const Graph& changed) const {
  TRY_ASSIGN(const Deviation deviation, deviation_of(changed, {}));
  return deviation.classifies ? deviation.divergence : std::pow(10, -deviation.sqnr / 10);
}

Result<Deviation> Judge::deviation_of(const Graph& changed, std::span<const size_t> labels) const {
  TRY_ASSIGN(const ModelAnswers answers, answers_of(changed, samples_, threads_));
  return linnet::deviation_of(changed, answers_, answers, labels);
}

}  // namespace linnet

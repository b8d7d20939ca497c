#include "compress/output_error.h"

#include <algorithm>
#include <cmath>

namespace linnet {

namespace {

// Log-probabilities of an output's elements.
std::vector<double> log_probabilities(std::span<const float> scores) {
  double sum = 0, high = -INFINITY;
  bool probabilities = true;
  for (float score : scores) {
    sum += static_cast<double>(score);
    high = std::max(high, static_cast<double>(score));
    probabilities = probabilities && score >= 0;
  }
  probabilities = probabilities && std::abs(sum - 1) < 1e-3;
  std::vector<double> logs(scores.size());
  if (probabilities) {
    for (size_t i = 0; i < logs.size(); ++i)
      logs[i] = std::log(std::max(static_cast<double>(scores[i]), 1e-12));
    return logs;
  }
  double total = 0;
  for (float score : scores) total += std::exp(static_cast<double>(score) - high);
  for (size_t i = 0; i < logs.size(); ++i) logs[i] = static_cast<double>(scores[i]) - high - std::log(total);
  return logs;
}

double divergence(std::span<const float> original, std::span<const float> found) {
  const std::vector<double> p = log_probabilities(original), q = log_probabilities(found);
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) sum += std::exp(p[i]) * (p[i] - q[i]);
  return std::isfinite(sum) ? std::max(sum, 0.0) : INFINITY;
}

double relative_error(std::span<const float> original, std::span<const float> found) {
  double error = 0, total = 0;
  for (size_t i = 0; i < original.size(); ++i) {
    const double o = static_cast<double>(original[i]), d = static_cast<double>(found[i]) - o;
    error += d * d;
    total += o * o;
  }
  if (!std::isfinite(error)) return INFINITY;
  return total > 0 ? error / total : error;
}

}  // namespace

OutputError::OutputError(const Graph& graph) {
  for (const GraphPort& port : graph.outputs) {
    const Value& value = graph.value(port.value);
    if (value.dtype == DType::F32 && !value.is_constant() && value.shape.elements() > 0 &&
        std::ranges::find(values_, port.value) == values_.end())
      values_.push_back(port.value);
  }
}

void OutputError::set_original(size_t sample, std::span<const TensorView> outputs) {
  if (original_.size() <= sample) original_.resize(sample + 1);
  original_[sample].clear();
  for (const TensorView& output : outputs)
    original_[sample].emplace_back(output.as<float>(), output.as<float>() + output.elements());
}

double OutputError::of(size_t sample, std::span<const TensorView> outputs) const {
  double sum = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::span<const float> original = original_[sample][i];
    const std::span<const float> found(outputs[i].as<float>(), original.size());
    const bool classes = outputs[i].shape.rank() == 2 && outputs[i].shape[0] == 1 && outputs[i].shape[1] > 1;
    sum += classes ? divergence(original, found) : relative_error(original, found);
  }
  return outputs.empty() ? 0 : sum / static_cast<double>(outputs.size());
}

}  // namespace linnet

#include "cli/scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/half.h"

namespace linnet {

double element_at(const TensorView& tensor, int64_t index) {
  switch (tensor.dtype) {
    case DType::F32:
      return tensor.as<float>()[index];
    case DType::F16:
      return half_to_float(tensor.as<uint16_t>()[index]);
    case DType::I32:
      return tensor.as<int32_t>()[index];
    case DType::I8:
      return tensor.as<int8_t>()[index];
    case DType::U8:
    case DType::Bool:
      return tensor.as<uint8_t>()[index];
  }
  CHECK(false);
}

Result<std::vector<double>> read_scores(const TensorView& output) {
  std::vector<double> scores(static_cast<size_t>(output.elements()));
  for (size_t i = 0; i < scores.size(); ++i) {
    scores[i] = element_at(output, static_cast<int64_t>(i));
    if (!std::isfinite(scores[i])) {
      return fail(ErrorCode::InvalidArgument, "the model's score of class %zu is %s", i,
                  std::isnan(scores[i]) ? "not a number" : "infinite");
    }
  }
  return scores;
}

std::vector<double> to_probabilities(std::span<const double> scores) {
  std::vector<double> out(scores.begin(), scores.end());
  const double sum = std::accumulate(out.begin(), out.end(), 0.0);
  const bool negative = std::ranges::any_of(out, [](double score) { return score < 0; });
  if (out.empty() || (!negative && std::abs(sum - 1) < 1e-3)) return out;
  const double highest = *std::ranges::max_element(out);
  double total = 0;
  for (double& score : out) total += score = std::exp(score - highest);
  for (double& score : out) score /= total;
  return out;
}

std::vector<size_t> top_indices(std::span<const double> scores, size_t count) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  count = std::min(count, order.size());
  std::ranges::partial_sort(order, order.begin() + static_cast<ptrdiff_t>(count), [&](size_t a, size_t b) {
    return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
  });
  order.resize(count);
  return order;
}

size_t rank_of(std::span<const double> scores, size_t index) {
  size_t before = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    before += scores[i] > scores[index] || (scores[i] == scores[index] && i < index);
  }
  return before;
}

double percentile(std::vector<double> samples, double p) {
  if (samples.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::ranges::sort(samples);
  const double at = p * static_cast<double>(samples.size() - 1);
  const size_t low = static_cast<size_t>(at);
  const size_t high = std::min(low + 1, samples.size() - 1);
  return std::lerp(samples[low], samples[high], at - static_cast<double>(low));
}

}  // namespace linnet

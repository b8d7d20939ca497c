#include "compress/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/result.h"
#include "graph/quantization.h"

namespace linnet {

namespace {

// The bins that hold 0 or lie between it and the ends: [first, last).
struct Bins {
  int first, last;
};

ValueRange range_of(const Histogram& histogram, const Bins& bins) {
  return {static_cast<float>(histogram.low() + bins.first * histogram.width()),
          static_cast<float>(histogram.low() + bins.last * histogram.width())};
}

// The divergence of the elements within `bins`, those outside moved to its ends, from the distribution that
// is left when neighbouring bins share a code.
double divergence(const Histogram& histogram, const Bins& bins) {
  const std::vector<double>& counts = histogram.counts();
  const auto at = [&](int bin) { return counts[static_cast<size_t>(bin)]; };
  double before = 0, after = 0, inside = 0;
  for (int i = 0; i < bins.first; ++i) before += at(i);
  for (int i = bins.last; i < histogram.bins(); ++i) after += at(i);
  for (int i = bins.first; i < bins.last; ++i) inside += at(i);
  if (inside <= 0) return INFINITY;
  const int length = bins.last - bins.first;
  const int codes = kMaxCode + 1;
  double sum = 0;
  for (int code = 0; code < codes; ++code) {
    const int from = bins.first + length * code / codes;
    const int to = std::max(bins.first + length * (code + 1) / codes, from);
    double total = 0;
    int used = 0;
    for (int i = from; i < to; ++i) {
      total += at(i);
      used += at(i) > 0;
    }
    if (used == 0) continue;
    const double q = total / used / inside;
    for (int i = from; i < to; ++i) {
      double p = at(i);
      if (p <= 0) continue;
      if (i == bins.first) p += before;
      if (i == bins.last - 1) p += after;
      p /= histogram.count();
      sum += p * std::log(p / q);
    }
  }
  // Ends without elements take none of those outside: these then count as lost.
  if (before > 0 && at(bins.first) <= 0) sum += before / histogram.count() * std::log(1e6);
  if (after > 0 && at(bins.last - 1) <= 0) sum += after / histogram.count() * std::log(1e6);
  return sum;
}

}  // namespace

Histogram::Histogram(float low, float high, int bins)
    : low_(static_cast<double>(low)),
      width_((static_cast<double>(high) - static_cast<double>(low)) / bins),
      counts_(static_cast<size_t>(bins)),
      weights_(static_cast<size_t>(bins)) {
  CHECK(high > low && bins > 0);
}

void Histogram::add(std::span<const float> values, std::span<const float> weights) {
  const double inverse = 1 / width_;
  const double last = static_cast<double>(bins() - 1);
  size_t channel = 0;
  for (const float value : values) {
    const auto bin =
        static_cast<size_t>(std::clamp((static_cast<double>(value) - low_) * inverse, 0.0, last));
    counts_[bin] += 1;
    weights_[bin] += weights.empty() ? 1 : static_cast<double>(weights[channel]);
    if (++channel >= weights.size()) channel = 0;
  }
  count_ += static_cast<double>(values.size());
}

ValueRange percentile_range(const Histogram& histogram, double share) {
  const double most = share * histogram.count();
  Bins bins{0, histogram.bins()};
  const auto& counts = histogram.counts();
  for (double sum = 0; bins.first < bins.last - 1; ++bins.first) {
    sum += counts[static_cast<size_t>(bins.first)];
    if (sum > most) break;
  }
  for (double sum = 0; bins.last > bins.first + 1; --bins.last) {
    sum += counts[static_cast<size_t>(bins.last - 1)];
    if (sum > most) break;
  }
  return range_of(histogram, bins);
}

double range_error(const Histogram& histogram, const ValueRange& range) {
  const Quantization quantization = quantization_of(range.low, range.high);
  const double scale = static_cast<double>(quantization.scale);
  const double lowest = -quantization.zero_point, highest = kMaxCode - quantization.zero_point;
  double sum = 0, total = 0;
  for (int i = 0; i < histogram.bins(); ++i) {
    const double weight = histogram.weights()[static_cast<size_t>(i)];
    if (weight <= 0) continue;
    const double real = histogram.centre(i);
    const double error = std::clamp(std::nearbyint(real / scale), lowest, highest) * scale - real;
    sum += weight * error * error;
    total += weight;
  }
  return total > 0 ? sum / total : 0;
}

ValueRange least_error_range(const Histogram& histogram) {
  const ValueRange full = range_of(histogram, {0, histogram.bins()});
  ValueRange best = full;
  double least = range_error(histogram, full);
  // One end after the other, twice: each depends a little on the other.
  for (int round = 0; round < 2; ++round)
    for (const bool is_high : {true, false}) {
      const float end = is_high ? full.high : full.low;
      if (is_high ? end <= 0 : end >= 0) continue;
      for (int percent = 100; percent >= 20; --percent) {
        ValueRange range = best;
        (is_high ? range.high : range.low) = end * static_cast<float>(percent) / 100;
        const double error = range_error(histogram, range);
        if (error < least) {
          least = error;
          best = range;
        }
      }
    }
  return best;
}

ValueRange entropy_range(const Histogram& histogram) {
  const int bins = histogram.bins();
  // Where 0 is, as a boundary of bins: the ends move towards it.
  const int zero =
      std::clamp(static_cast<int>(std::nearbyint(-histogram.low() / histogram.width())), 0, bins);
  Bins best{0, bins};
  double least = INFINITY;
  constexpr int kSteps = 128;
  for (int step = kSteps; step >= kSteps / 8; --step) {
    const Bins candidate{zero - zero * step / kSteps, zero + (bins - zero) * step / kSteps};
    if (candidate.last - candidate.first < kMaxCode + 1) break;
    const double distance = divergence(histogram, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return range_of(histogram, best);
}

}  // namespace linnet

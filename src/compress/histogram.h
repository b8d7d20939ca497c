// Histograms of values, weighted by how much an error in each matters.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/ranges.h"

namespace linnet {

class Histogram {
 public:
  // `bins` of equal width from `low` to `high`, which must be more.
  Histogram(float low, float high, int bins = 2048);

  // Counts `values`; element i weighs weights[i % weights.size()], or 1 where there are none. What lies
  // outside goes into the first or last bin.
  void add(std::span<const float> values, std::span<const float> weights = {});

  int bins() const { return static_cast<int>(counts_.size()); }
  double count() const { return count_; }
  // Of elements, and of their weights.
  const std::vector<double>& counts() const { return counts_; }
  const std::vector<double>& weights() const { return weights_; }
  double low() const { return low_; }
  double width() const { return width_; }
  double centre(int bin) const { return low_ + (bin + 0.5) * width_; }

 private:
  double low_, width_;
  std::vector<double> counts_, weights_;
  double count_ = 0;
};

// Ranges for a value by its histogram. All lie within that of the histogram.

// Without the lowest and the highest `share` of the elements (0.0001: a hundredth of a per cent at each end).
ValueRange percentile_range(const Histogram& histogram, double share);
// The least of `range_error` over ranges that cut off more and more at each end.
ValueRange least_error_range(const Histogram& histogram);
// The least Kullback-Leibler divergence of the codes' distribution from that of the elements (Migacz 2017,
// "8-bit inference with TensorRT", for signed values both ends move in proportion).
ValueRange entropy_range(const Histogram& histogram);

// The weighted mean squared error of the elements as codes of `range`, of the elements' centres of bins.
double range_error(const Histogram& histogram, const ValueRange& range);

}  // namespace linnet

// From a classifier's output to probabilities and ranks, and from times to percentiles.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "graph/type.h"

namespace linnet {

// An element of the view as a number, whatever its type.
double element_at(const TensorView& tensor, int64_t index);

// The elements of a [..., N] output with one row, as numbers. Fails with InvalidArgument where one is not
// finite.
Result<std::vector<double>> read_scores(const TensorView& output);

// The scores themselves where they are probabilities already (none negative, sum 1), else their softmax.
std::vector<double> to_probabilities(std::span<const double> scores);

// The indices of the `count` highest scores, best first; of equal ones the lower index comes first.
std::vector<size_t> top_indices(std::span<const double> scores, size_t count);

// How many scores come before `index` in that order.
size_t rank_of(std::span<const double> scores, size_t index);

// The value that a fraction `p` of the samples does not exceed, interpolated. NaN for no samples.
double percentile(std::vector<double> samples, double p);

}  // namespace linnet

// What the values of a graph look like on samples.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "compress/histogram.h"
#include "compress/value_runner.h"

namespace linnet {

// Called after each piece of work that takes time.
using Tick = std::function<void()>;

// Of one f32 value over all samples.
struct ValueStatistics {
  ValueRange extremes;  // the least and the greatest element
  ValueRange typical;   // the mean of the samples' least elements, and of their greatest ones
  // By channel, the last dimension: the largest magnitude, and the mean of squares.
  std::vector<float> largest, energy;
};

// By value id; empty `largest` where a value is not f32, constant, or empty.
using Statistics = std::vector<ValueStatistics>;

// Runs `graph`, simplified and in f32, on `samples`. Fails with InvalidArgument, naming the value and the
// sample (by `names`, which may be empty, or its number), when an element is not finite.
Result<Statistics> measure(const Graph& graph, const Samples& samples, std::span<const std::string> names,
                           int threads, const Tick& tick);

// How much an error in each channel of each value matters: the squared sum of the weights with which
// convolutions and products read the channel, of all users together. Empty as above.
std::vector<std::vector<float>> error_weights(const Graph& graph);

// Ranges for the codes of one value, and how each was found.
struct RangeCandidate {
  const char* method;  // "typical", "extremes", "percentile", "error", "entropy"
  ValueRange range;
};

// For each value of `graph` its candidates, the typical extremes (Jacob et al. 2018 average over time) first;
// those of least squared error weigh channels by error_weights. By value id; empty as above. Fails as
// measure.
Result<std::vector<std::vector<RangeCandidate>>> range_candidates(const Graph& graph,
                                                                  const Statistics& statistics,
                                                                  const Samples& samples, int threads,
                                                                  const Tick& tick);

}  // namespace linnet

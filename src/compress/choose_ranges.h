// The range of each value, chosen by what it does to the model's answers.
#pragma once

#include "compress/deviation.h"
#include "compress/statistics.h"

namespace linnet {

// How often each method gave a value's range.
struct RangeReport {
  std::vector<std::pair<const char*, int>> methods;
};

// Sets graph.ranges: to the first candidate of each value, then, in the order of computing, to that of the
// least error of the answers, with everything else in int8. Only values that become codes take part.
Result<RangeReport> choose_ranges(Graph& graph, const std::vector<std::vector<RangeCandidate>>& candidates,
                                  const Judge& judge, const Tick& tick);
// How many values take part.
size_t values_to_choose(const Graph& graph, const std::vector<std::vector<RangeCandidate>>& candidates);

}  // namespace linnet

// Where the time of a run goes: node by node of the optimised graph.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/session.h"

namespace linnet {

struct NodeProfile {
  uint32_t node = 0;             // index into Plan::nodes
  const char* kernel = nullptr;  // the instruction of its last step; those before only prepare for it
  uint32_t steps = 0;
  double ms = 0;
};

inline constexpr int kMaxProfiledRuns = 10'000;

// Runs the session `runs` times, 1 to kMaxProfiledRuns, on the inputs as they are now, and gives the nodes
// that take steps, in the order of the plan. Times are means that leave out the slowest tenth of the runs:
// other work of the machine does not count, and a coarse clock, as browsers have, averages out. Fails with
// InvalidArgument for another number of runs, and with OutOfMemory.
Result<std::vector<NodeProfile>> profile(Session& session, int runs);

}  // namespace linnet

// Where a graph's values lie: storage and memory planner together.
#pragma once

#include <vector>

#include "plan/plan.h"
#include "plan/storage.h"

namespace linnet {

struct Placement {
  std::vector<Ref> refs;  // of each value; none for constants and what nothing uses
  uint64_t arena_bytes = 0;
  uint64_t lower_bound_bytes = 0;
};

// Places all values in one arena; `fused` as for assign_storage. Fails with TooLarge when that is more than a
// Ref can address.
Result<Placement> place_values(const Graph& graph, const CanOverwrite& can_overwrite,
                               std::span<const FusedNodes> fused = {});

}  // namespace linnet

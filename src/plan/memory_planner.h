// Places buffers in one arena so that no two that live at the same time overlap.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "plan/storage.h"

namespace linnet {

struct MemoryPlan {
  std::vector<uint64_t> offsets;  // of each buffer, multiples of kTensorAlignment
  uint64_t arena_bytes = 0;
};

// The largest sum of buffers alive at one step: no placement is smaller.
uint64_t memory_lower_bound(std::span<const Lifetime> buffers);

// Offline placement: buffers in turn go to the lowest gap that fits, largest first (Pisarchyk and Lee 2020,
// "greedy by size"); where that misses the lower bound, other orders and seeded exchanges of them are tried.
// The same input gives the same plan.
MemoryPlan plan_memory(std::span<const Lifetime> buffers);

// Checks, pair by pair and independently of how it was made, that no two buffers alive at one step overlap
// and all lie within the arena. Fails with MalformedPlan.
Result<void> verify_memory(std::span<const Lifetime> buffers, const MemoryPlan& plan);

}  // namespace linnet

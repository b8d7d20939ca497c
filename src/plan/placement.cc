#include "plan/placement.h"

#include "plan/memory_planner.h"

namespace linnet {

Result<Placement> place_values(const Graph& graph, const CanOverwrite& can_overwrite,
                               std::span<const FusedNodes> fused) {
  const Storage storage = assign_storage(graph, can_overwrite, fused);
  const MemoryPlan memory = plan_memory(storage.buffers);
  TRY(verify_memory(storage.buffers, memory));
  if (memory.arena_bytes > kMaxArenaBytes)
    return fail(ErrorCode::TooLarge, "the model needs an arena of %llu bytes, at most %llu are possible",
                static_cast<unsigned long long>(memory.arena_bytes),
                static_cast<unsigned long long>(kMaxArenaBytes));
  Placement placement{{}, memory.arena_bytes, memory_lower_bound(storage.buffers)};
  placement.refs.assign(graph.value_count(), Ref::none());
  for (ValueId id = 0; id < graph.value_count(); ++id)
    if (storage.buffer_of[id] != kNone)
      placement.refs[id] = Ref::arena(memory.offsets[storage.buffer_of[id]]);
  return placement;
}

}  // namespace linnet

// Which values share memory, and when each piece of memory is alive.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace linnet {

// A run of arena bytes and the steps during which it must hold, first and last included. Step i is node i.
struct Lifetime {
  uint64_t bytes;
  uint32_t first;
  uint32_t last;
};

struct Storage {
  // For each value the index of its buffer; kNone for constants and values that nothing uses.
  std::vector<uint32_t> buffer_of;
  std::vector<Lifetime> buffers;
};

// May `node`'s result overwrite its operand `input`? Asked only where sizes and types are equal and the
// operand is not needed later; the backend answers for its kernels.
using CanOverwrite = std::function<bool(const Graph& graph, const Node& node, size_t input)>;

// Nodes that run as one step, in order: each uses the result of the one before, which nothing else uses.
using FusedNodes = std::vector<NodeId>;

// Gives every value a buffer. Views share their operand's, and a result takes over an operand's where
// `can_overwrite` allows. Inputs live from the start, outputs to the end. Fused nodes all run at the step of
// the last one; what goes from one to the next has no buffer.
Storage assign_storage(const Graph& graph, const CanOverwrite& can_overwrite,
                       std::span<const FusedNodes> fused = {});

// The value whose bytes `id` has: itself, or what it is a view of.
ValueId view_root(const Graph& graph, ValueId id);

}  // namespace linnet

// What the rewrites look for.
#pragma once

#include <optional>

#include "graph/graph.h"

namespace linnet {

// An elementwise node of one binary operator over two different operands.
struct BinaryMatch {
  ExprOp op;
  ValueId x;
  ValueId y;
};
std::optional<BinaryMatch> match_binary(const Node& node);

// The constant behind `id` as one f32 a channel: it has `channels` elements along its innermost axis, or one
// element, and broadcasts to `shape` without changing it. Empty when it is not so.
std::vector<float> channel_constant(const Graph& graph, ValueId id, const Shape& shape);

// Node `id` may be rewritten together with its only user: nothing else, no output port, sees its result.
bool has_single_use(const Graph& graph, NodeId id, const std::vector<uint32_t>& uses);

}  // namespace linnet

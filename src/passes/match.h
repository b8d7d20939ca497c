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
// element, and broadcasts to `shape` without changing it. Empty when it is not so, or there is no memory for
// it.
std::vector<float> channel_constant(const Graph& graph, ValueId id, const Shape& shape);

// Node `id` may be rewritten together with its only user: nothing else, no output port, sees its result.
bool has_single_use(const Graph& graph, NodeId id, const std::vector<uint32_t>& uses);

// Are all operands and results of `node` f32?
bool is_all_f32(const Graph& graph, const Node& node);

// Does `expr` use $slot?
bool uses_input(const Expr& expr, size_t slot);

// The operand of elementwise node `id` best fused into it, or it into: produced by a node that `accepts`, of
// the result's shape, and used by `id` alone. Of several the last computed, so that the others are there when
// it runs. The number of operands when there is none.
size_t best_operand(const Graph& graph, NodeId id, const std::vector<uint32_t>& uses,
                    bool (*accepts)(const Graph&, const Node&));

}  // namespace linnet

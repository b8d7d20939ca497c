// How the epilogue of a structured op is run: as a clamp in registers, as a program over rows, or as a step
// of its own.
#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "backends/cpu/lower.h"

namespace linnet::cpu {

struct Clamp {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
};

struct EpilogueLowering {
  Clamp clamp;                    // what the kernel applies to its sums
  std::vector<uint32_t> program;  // what it runs over rows after that; empty: nothing
  bool separate = false;          // the node needs an elementwise step after it
};

// The clamp that `expr` is, over $0 alone.
std::optional<Clamp> as_clamp(const Expr& expr);

// How to run the epilogue of `node`, whose kernel can (`rows_in_kernel`) or cannot run programs. Nothing when
// the epilogue's operands broadcast in a way that no program can say: then the node needs its reference
// kernel.
std::optional<EpilogueLowering> lower_epilogue(Lowering& lowering, const Node& node, bool rows_in_kernel);
// After the node's own steps: the step for a `separate` epilogue, which rewrites the result in place.
void emit_separate_epilogue(Lowering& lowering, const Node& node, const EpilogueLowering& epilogue);

// Does the expression compute anything? One that is an operand has no instruction that would write the
// result.
bool is_computed(const Expr& expr);

// An elementwise program over `operands` (kNone: the raw result of the op) for a result of `shape`, seen as
// rows of `columns`. False when the expression is not computed or an operand broadcasts in a way that rows
// and columns cannot say.
bool build_program(Lowering& lowering, const Expr& expr, std::span<const ValueId> operands,
                   const Shape& shape, int64_t columns, std::vector<uint32_t>* words);
// Emits one elementwise step for a program over rows of `columns`.
void emit_program(Lowering& lowering, ValueId out, int64_t columns, const std::vector<uint32_t>& program);
// Would build_program succeed?
bool fits_rows(const Graph& graph, std::span<const ValueId> operands, const Shape& shape, int64_t columns);
// Does the kernel of `node` run its epilogue over rows, so that an operand may be overwritten?
bool has_row_epilogue(const Graph& graph, const Node& node);
// Scratch that a program built so needs.
uint64_t scratch_of(const std::vector<uint32_t>& program);

}  // namespace linnet::cpu

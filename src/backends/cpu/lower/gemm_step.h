// One Gemm step, as conv2d, conv2d_transpose and matmul make it, and what it shares with QuantizedGemm.
#pragma once

#include <functional>

#include "backends/cpu/epilogue.h"
#include "backends/cpu/params.h"

namespace linnet::cpu {

// Weight of tap `tap`, input channel `channel`, output `column`, from the constant's elements.
using WeightAt = std::function<float(const float* weights, uint32_t tap, uint32_t channel, uint32_t column)>;

// What the kernel of a grid computes at a time.
struct TileSize {
  uint32_t rows, columns;
  uint32_t element_bytes;  // of the input
};

// What threads share of a step: see Lowering::emit.
struct SharedUnits {
  uint32_t units;
  uint32_t chunk;
};

// Sets merge_x, blocks and units of `p`, whose geometry is set. `whole_rows`: no unit may have a part of the
// columns.
SharedUnits set_blocks(const Lowering& lowering, GemmGrid& p, const TileSize& tile, bool whole_rows);

// Fills x, weights, bias, padding and blocks of `params`, whose geometry is set, and emits the step.
// `weights` and `bias` (kNone: zeros) are constants; `row_major` says that the weights lie as
// [tap][channel][column].
void emit_gemm(Lowering& lowering, GemmParams params, const Node& node, ValueId weights, ValueId bias,
               const WeightAt& weight_at, bool row_major, const EpilogueLowering& epilogue);

// The optional bias of a node with up to three operands of its own.
ValueId bias_operand(const Node& node);
// Are the node's weights (operand 1) and bias, if any, constant?
bool has_constant_weights(const Graph& graph, const Node& node);
// The same for the depthwise kernel, which takes one filter a channel.
bool has_depthwise_kernel(const Graph& graph, const Node& node);

// `count` f32 of constant `id` (kNone: zeros), filled up with zeros to `padded`.
Ref pack_bias(Lowering& lowering, ValueId id, uint32_t count, uint32_t padded);

}  // namespace linnet::cpu

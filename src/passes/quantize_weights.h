// Weights as symmetric 8-bit codes, one scale for each output channel.
#pragma once

#include "graph/graph.h"

namespace linnet {

// Is `node` a convolution, a depthwise convolution of one filter a channel, or a matrix product without
// transposed left operand, with constant f32 weights and bias, no epilogue, and sums of codes that fit 32
// bits?
bool weights_are_quantizable(const Graph& graph, const Node& node);

// Is it a matrix product, or a convolution that is one for each pixel, so that every row of its operand gives
// one row of the result?
bool rows_are_quantizable(const Graph& graph, const Node& node);

// The weights of such a node seen as a matrix: for each output channel the `depth` numbers that make it.
struct WeightLayout {
  int64_t depth;
  int64_t channels;
  bool channels_first;
  // Of weight k of channel c in the constant.
  int64_t index(int64_t k, int64_t c) const { return channels_first ? c * depth + k : k * channels + c; }
};
WeightLayout weight_layout(const Graph& graph, const Node& node);

// Constants: weights i8 (of a matrix product as [1,1,K,N]), bias i32[N], multiplier f32[N] of
// quantized_conv2d.
struct QuantizedWeights {
  ValueId weights, bias, multiplier;
};

// The weights of such a node, whose input has codes of scale `input_scale` and whose result is counted in
// units of `result_scale`. A channel's scale maps its largest weight to kMaxWeightCode; it is larger where
// the bias would not fit otherwise.
Result<QuantizedWeights> quantize_weights(Graph& graph, const Node& node, double input_scale,
                                          double result_scale);

}  // namespace linnet

// What the lowerings of convolutions over codes share.
#pragma once

#include "backends/cpu/lower.h"
#include "backends/cpu/params.h"

namespace linnet::cpu {

// Do the kernels take the weights, bias and multiplier of this quantized_conv2d or
// quantized_depthwise_conv2d, operands 1 to 3? They must be constant, and no result may exceed what a kernel
// can round, which sensible multipliers are far from.
bool has_quantized_kernel(const Graph& graph, const Node& node);

// The node's requantisation; its multipliers are filled up with zeros to `padded`.
Requantisation pack_requantisation(Lowering& lowering, const Node& node, uint32_t padded);

// i8 weights [kh,kw,C,O] in the order in which a QuantizedGemm reads them.
Ref pack_code_panels(Lowering& lowering, const Tensor& weights, const GemmGrid& p);

// i32 for each of `columns`: the bias, if it is not empty, and `factor` times the sum of the column's
// weights. Zeros up to `padded`.
Ref pack_column_sums(Lowering& lowering, const Tensor& weights, uint32_t columns, int32_t factor,
                     const Tensor& bias, uint32_t padded);

// i32 for each output: the bias less the input's zero point times the sum of its weights. Zeros up to
// `padded`.
Ref pack_quantized_bias(Lowering& lowering, const Node& node, uint32_t padded);

// `count` codes of the input's zero point: what taps outside the input read.
Ref pack_padding(Lowering& lowering, const Node& node, uint32_t count);

}  // namespace linnet::cpu

#include "ops/matmul.h"

#include <algorithm>

#include "backends/cpu/lower/gemm_step.h"
#include "simd/simd.h"

namespace linnet::cpu {

namespace {

// One matrix times weights, as a 1x1 convolution over rows.
GemmParams product_of(uint32_t rows, uint32_t depth, uint32_t columns) {
  GemmParams p{};
  p.batch = 1;
  p.in_h = p.out_h = p.grid_h = p.x_rows = p.out_rows = 1;
  p.channels = depth;
  p.in_w = p.out_w = p.grid_w = rows;
  p.out_channels = columns;
  p.grid_stride_y = p.grid_stride_x = 1;
  p.kernel_y = p.kernel_x = p.stride_y = p.stride_x = p.dilation_y = p.dilation_x = 1;
  return p;
}

// Headers of steps count their words in 16 bits.
constexpr int64_t kMostMatrices = 16384;

// Both operands are computed.
Result<bool> lower_batch_matmul(Lowering& lowering, const Node& node) {
  const Graph& graph = lowering.graph();
  const Shape& a = lowering.shape(node.inputs[0]);
  const Shape& b = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  const ValueId bias = bias_operand(node);
  if (graph.value(node.inputs[0]).is_constant() || graph.value(node.inputs[1]).is_constant() ||
      (bias != kNone && !graph.value(bias).is_constant()) || y.elements() == 0)
    return false;
  const auto epilogue = lower_epilogue(lowering, node, false);
  const int64_t matrices = y.elements() / (y.back(1) * y.back());
  if (!epilogue || matrices > kMostMatrices) return false;

  GemmParams product = product_of(static_cast<uint32_t>(y.back(1)), static_cast<uint32_t>(a.back()),
                                  static_cast<uint32_t>(y.back()));
  const uint32_t columns = product.out_channels;
  const uint32_t padded = (columns + simd::kTileColumns - 1) / simd::kTileColumns * simd::kTileColumns;
  product.padding = lowering.zeros();
  product.bias = pack_bias(lowering, bias, columns, padded);
  product.low = epilogue->clamp.low;
  product.high = epilogue->clamp.high;
  const SharedUnits shared =
      set_blocks(lowering, product, {simd::kTileRows, simd::kTileColumns, sizeof(float)}, true);
  const uint64_t packed = align_up(uint64_t{padded} * product.channels * sizeof(float), kTensorAlignment);
  std::vector<uint32_t> words;
  append_params(words,
                BatchMatmulParams{lowering.ref(node.inputs[0]), lowering.ref(node.inputs[1]),
                                  lowering.ref(node.outputs[0]), shared.units, static_cast<uint32_t>(packed),
                                  node.attrs.get_bool(Attr::transpose_b, false)});
  append_params(words, product);
  for (int64_t n = 0; n < matrices; ++n) {
    words.push_back(static_cast<uint32_t>(matrix_of_batch(a, y, n)));
    words.push_back(static_cast<uint32_t>(matrix_of_batch(b, y, n)));
  }
  lowering.need_scratch(packed + gemm_scratch(product).registers);
  lowering.emit(PlanOp::BatchMatmul, static_cast<uint32_t>(matrices), y.elements() * product.channels, words);
  emit_separate_epilogue(lowering, node, *epilogue);
  return true;
}

}  // namespace

Result<bool> lower_matmul(Lowering& lowering, const Node& node) {
  const Shape& a = lowering.shape(node.inputs[0]);
  const Shape& b = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  if (node.attrs.get_bool(Attr::transpose_a, false)) return false;
  if (!has_constant_weights(lowering.graph(), node) || b.rank() != 2)
    return lower_batch_matmul(lowering, node);
  const auto epilogue = lower_epilogue(lowering, node, true);
  if (!epilogue) return false;
  const bool transposed = node.attrs.get_bool(Attr::transpose_b, false);
  const GemmParams p =
      product_of(static_cast<uint32_t>(y.elements() / y.back()), static_cast<uint32_t>(a.back()),
                 static_cast<uint32_t>(b[transposed ? 0 : 1]));
  const size_t depth = p.channels, columns = p.out_channels;
  emit_gemm(
      lowering, p, node, node.inputs[1], bias_operand(node),
      [=](const float* weights, uint32_t, uint32_t channel, uint32_t column) {
        return transposed ? weights[column * depth + channel] : weights[channel * columns + column];
      },
      !transposed, *epilogue);
  return true;
}

}  // namespace linnet::cpu

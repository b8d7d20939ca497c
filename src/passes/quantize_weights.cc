#include "passes/quantize_weights.h"

#include <algorithm>
#include <cmath>

#include "graph/op_def.h"
#include "graph/quantization.h"

namespace linnet {

WeightLayout weight_layout(const Graph& graph, const Node& node) {
  const Shape& shape = graph.value(node.inputs[1]).shape;
  if (node.op == Op::depthwise_conv2d) return {int64_t{shape[0]} * shape[1], shape[2], false};
  if (node.op == Op::conv2d) return {int64_t{shape[0]} * shape[1] * shape[2], shape[3], false};
  const bool transposed = node.attrs.get_bool(Attr::transpose_b, false);
  return {shape[transposed ? 1 : 0], shape[transposed ? 0 : 1], transposed};
}

bool weights_are_quantizable(const Graph& graph, const Node& node) {
  if (node.op != Op::conv2d && node.op != Op::depthwise_conv2d && node.op != Op::matmul) return false;
  if (node.attrs.has(Attr::epilogue) || node.inputs.size() > 3) return false;
  for (size_t i = 1; i < node.inputs.size(); ++i)
    if (!graph.value(node.inputs[i]).is_constant()) return false;
  const Shape& shape = graph.value(node.inputs[1]).shape;
  if (node.op == Op::depthwise_conv2d && shape[3] != 1) return false;
  if (node.op == Op::matmul && (shape.rank() != 2 || node.attrs.get_bool(Attr::transpose_a, false)))
    return false;
  const WeightLayout layout = weight_layout(graph, node);
  return layout.channels > 0 && layout.depth > 0 && layout.depth <= kMaxCodeDepth &&
         graph.value(node.outputs[0]).shape.elements() > 0;
}

bool rows_are_quantizable(const Graph& graph, const Node& node) {
  if (node.op == Op::depthwise_conv2d || !weights_are_quantizable(graph, node)) return false;
  if (node.op == Op::matmul) return true;
  const Shape& w = graph.value(node.inputs[1]).shape;
  const auto all = [&](Attr key, int64_t number) {
    return std::ranges::all_of(node.attrs.get_ints(key), [=](int64_t i) { return i == number; });
  };
  return w[0] == 1 && w[1] == 1 && all(Attr::strides, 1) && all(Attr::pads, 0);
}

Result<QuantizedWeights> quantize_weights(Graph& graph, const Node& node, double input_scale,
                                          double result_scale) {
  const WeightLayout layout = weight_layout(graph, node);
  const Tensor source = graph.value(node.inputs[1]).constant;
  const Tensor bias = node.inputs.size() > 2 ? graph.value(node.inputs[2]).constant : Tensor();
  const Shape& shape = source.shape();
  TRY(source.prepare());
  if (!bias.empty()) TRY(bias.prepare());
  TRY_ASSIGN(
      Tensor codes,
      Tensor::zeros(DType::I8, node.op == Op::matmul ? Shape{1, 1, layout.depth, layout.channels} : shape));
  TRY_ASSIGN(Tensor sums, Tensor::zeros(DType::I32, Shape{layout.channels}));
  TRY_ASSIGN(Tensor multiplier, Tensor::zeros(DType::F32, Shape{layout.channels}));
  const float* weights = source.as<float>();
  const auto weight = [&](int64_t k, int64_t c) { return static_cast<double>(weights[layout.index(k, c)]); };
  // A bias takes at most half of the 32 bits, as the sums do.
  constexpr double kMostBias = 1 << 30;
  for (int64_t c = 0; c < layout.channels; ++c) {
    double most = 0;
    for (int64_t k = 0; k < layout.depth; ++k) most = std::max(most, std::abs(weight(k, c)));
    const double offset = bias.empty() ? 0 : static_cast<double>(bias.as<float>()[c]);
    double scale = std::max(most / kMaxWeightCode, std::abs(offset) / (input_scale * kMostBias));
    if (!(scale > 0) || !std::isfinite(scale)) scale = 1;
    for (int64_t k = 0; k < layout.depth; ++k)
      store_double(DType::I8, codes.mutable_data(), k * layout.channels + c,
                   std::nearbyint(weight(k, c) / scale));
    store_double(DType::I32, sums.mutable_data(), c, std::nearbyint(offset / (input_scale * scale)));
    multiplier.mutable_as<float>()[c] = static_cast<float>(input_scale * scale / result_scale);
  }
  const std::string& name = graph.value(node.inputs[1]).name;
  return QuantizedWeights{graph.add_constant(name + "/codes", std::move(codes)),
                          graph.add_constant(node.name + "/bias", std::move(sums)),
                          graph.add_constant(node.name + "/multiplier", std::move(multiplier))};
}

}  // namespace linnet

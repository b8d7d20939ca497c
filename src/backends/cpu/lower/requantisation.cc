#include "backends/cpu/lower/requantisation.h"

#include <cmath>

#include "ops/quantized.h"
#include "simd/dot.h"

namespace linnet::cpu {

namespace {

// Calls `visit(output, weight)` for each weight, of [kh,kw,C,O] or, depthwise, [kh,kw,C,1].
template <class Visit>
void for_each_weight(const Tensor& weights, size_t outputs, Visit visit) {
  const int8_t* values = weights.as<int8_t>();
  for (size_t i = 0; i < weights.bytes(); ++i) visit(i % outputs, values[i]);
}

}  // namespace

bool has_quantized_kernel(const Graph& graph, const Node& node) {
  for (size_t i : {1, 2, 3})
    if (!graph.value(node.inputs[i]).is_constant()) return false;
  const Tensor& bias = graph.value(node.inputs[2]).constant;
  const Tensor& multiplier = graph.value(node.inputs[3]).constant;
  const size_t outputs = multiplier.bytes() / sizeof(float);
  std::vector<double> most(outputs);
  for_each_weight(graph.value(node.inputs[1]).constant, outputs,
                  [&](size_t output, int8_t weight) { most[output] += std::abs(weight * kMaxCode); });
  const double residual =
      node.inputs.size() > 4
          ? kMaxCode * std::abs(static_cast<double>(node.attrs.get_float(Attr::other_scale, 1)))
          : 0;
  for (size_t i = 0; i < outputs; ++i) {
    const double sum = most[i] + std::abs(static_cast<double>(bias.as<int32_t>()[i]));
    const double value = sum * std::abs(static_cast<double>(multiplier.as<float>()[i])) + residual;
    if (!(sum < INT32_MAX) || !(value < 1 << 21)) return false;
  }
  return true;
}

Requantisation pack_requantisation(Lowering& lowering, const Node& node, uint32_t padded) {
  const Tensor multiplier = lowering.graph().value(node.inputs[3]).constant;
  const CodeRange range = code_range(node.attrs);
  Requantisation p{};
  p.multiplier = lowering.add_weights(padded * sizeof(float), [multiplier](std::byte* to) {
    std::memcpy(to, multiplier.data(), multiplier.bytes());
  });
  p.residual = node.inputs.size() > 4 ? lowering.ref(node.inputs[4]) : Ref::none();
  p.residual_zero = static_cast<int32_t>(node.attrs.get_int(Attr::other_zero, 0));
  p.residual_scale = node.attrs.get_float(Attr::other_scale, 1);
  p.zero = range.zero_point;
  p.low = range.low;
  p.high = range.high;
  p.is_f32 = lowering.graph().value(node.outputs[0]).dtype == DType::F32 ? 1 : 0;
  return p;
}

Ref pack_column_sums(Lowering& lowering, const Tensor& weights, uint32_t columns, int32_t factor,
                     const Tensor& bias, uint32_t padded) {
  return lowering.add_weights(padded * sizeof(int32_t), [=](std::byte* to) {
    if (!bias.empty()) std::memcpy(to, bias.data(), bias.bytes());
    // Whole sums fit 32 bits, parts of them may not.
    auto* out = reinterpret_cast<uint32_t*>(to);
    for_each_weight(weights, columns, [&](size_t column, int8_t weight) {
      out[column] += static_cast<uint32_t>(factor * weight);
    });
  });
}

Ref pack_quantized_bias(Lowering& lowering, const Node& node, uint32_t padded) {
  const Graph& graph = lowering.graph();
  const Tensor& bias = graph.value(node.inputs[2]).constant;
  const auto zero = static_cast<int32_t>(node.attrs.get_int(Attr::input_zero, 0));
  return pack_column_sums(lowering, graph.value(node.inputs[1]).constant,
                          static_cast<uint32_t>(bias.shape()[0]), -zero, bias, padded);
}

Ref pack_code_panels(Lowering& lowering, const Tensor& weights, const GemmGrid& p) {
  using simd::kDotDepth;
  using simd::kDotTileColumns;
  const size_t taps = gemm_taps(p), channels = gemm_channels(p), columns = p.out_channels;
  const auto depth = static_cast<size_t>(align_up(channels, kDotDepth));
  const auto panels = static_cast<size_t>(align_up(columns, kDotTileColumns) / kDotTileColumns);
  return lowering.add_weights(panels * taps * depth * kDotTileColumns, [=](std::byte* to) {
    const int8_t* from = weights.as<int8_t>();
    for (size_t i = 0; i < panels * taps * depth * kDotTileColumns; ++i) {
      const size_t group = i / (kDotTileColumns * kDotDepth);
      const size_t channel = group % (depth / kDotDepth) * kDotDepth + i % kDotDepth;
      const size_t tap = group / (depth / kDotDepth) % taps;
      const size_t column =
          group / (depth / kDotDepth) / taps * kDotTileColumns + i / kDotDepth % kDotTileColumns;
      if (channel < channels && column < columns)
        to[i] = static_cast<std::byte>(from[(tap * channels + channel) * columns + column]);
    }
  });
}

Ref pack_padding(Lowering& lowering, const Node& node, uint32_t count) {
  const auto zero = static_cast<int>(node.attrs.get_int(Attr::input_zero, 0));
  return lowering.add_weights(count + kReadSlack,
                              [=](std::byte* to) { std::memset(to, zero, count + kReadSlack); });
}

}  // namespace linnet::cpu

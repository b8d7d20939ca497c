#include "backends/cpu/lower/requantisation.h"

#include <cmath>

#include "ops/quantized.h"

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

Ref pack_quantized_bias(Lowering& lowering, const Node& node, uint32_t padded) {
  const Tensor weights = lowering.graph().value(node.inputs[1]).constant;
  const Tensor bias = lowering.graph().value(node.inputs[2]).constant;
  const auto zero = static_cast<int32_t>(node.attrs.get_int(Attr::input_zero, 0));
  return lowering.add_weights(padded * sizeof(int32_t), [=](std::byte* to) {
    std::memcpy(to, bias.data(), bias.bytes());
    // Whole sums fit 32 bits, parts of them may not.
    auto* out = reinterpret_cast<uint32_t*>(to);
    for_each_weight(weights, bias.bytes() / sizeof(int32_t), [&](size_t output, int8_t weight) {
      out[output] -= static_cast<uint32_t>(zero * weight);
    });
  });
}

Ref pack_padding(Lowering& lowering, const Node& node, uint32_t count) {
  const auto zero = static_cast<int>(node.attrs.get_int(Attr::input_zero, 0));
  return lowering.add_weights(count + kReadSlack,
                              [=](std::byte* to) { std::memset(to, zero, count + kReadSlack); });
}

}  // namespace linnet::cpu

#include "backends/cpu/lower/reduce.h"

#include <algorithm>

#include "backends/cpu/params.h"
#include "simd/simd.h"

namespace linnet::cpu {

namespace {

// The node's input as [outer, count, inner], reduced over the middle.
void emit_reduce(Lowering& lowering, const Node& node, Reduction reduction, bool mean,
                 const int64_t (&sizes)[3]) {
  const auto outer = static_cast<uint32_t>(sizes[0]), count = static_cast<uint32_t>(sizes[1]),
             inner = static_cast<uint32_t>(sizes[2]);
  std::vector<uint32_t> words;
  append_params(words, ReduceParams{lowering.ref(node.inputs[0]), lowering.ref(node.outputs[0]), outer, count,
                                    inner, reduction, mean ? static_cast<float>(count) : 1.0f});
  lowering.emit(PlanOp::Reduce, inner == 1 ? outer : outer * reduce_blocks(inner, simd::kWidth),
                sizes[0] * sizes[1] * sizes[2], words);
}

// The mean of codes over all axes between the first and the last.
void emit_mean_of_codes(Lowering& lowering, const Node& node, const int64_t (&sizes)[3]) {
  PoolParams p{};
  p.x = lowering.ref(node.inputs[0]);
  p.out = lowering.ref(node.outputs[0]);
  p.batch = static_cast<uint32_t>(sizes[0]);
  p.channels = static_cast<uint32_t>(sizes[2]);
  p.in_h = p.kernel_y = static_cast<uint32_t>(sizes[1]);
  p.in_w = p.kernel_x = p.out_h = p.out_w = p.stride_y = p.stride_x = 1;
  std::vector<uint32_t> words;
  append_params(words, p);
  lowering.emit(PlanOp::QuantizedPool, p.batch, sizes[0] * sizes[1] * sizes[2], words);
}

void emit_mean(Lowering& lowering, const Node& node, const int64_t (&sizes)[3]) {
  if (lowering.graph().value(node.inputs[0]).dtype == DType::I8)
    emit_mean_of_codes(lowering, node, sizes);
  else
    emit_reduce(lowering, node, Reduction::Sum, true, sizes);
}

}  // namespace

void emit_global_mean(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  emit_mean(lowering, node, {x[0], x.elements() / (x[0] * x.back()), x.back()});
}

// Reductions over neighbouring axes; axes of size 1 may lie between.
Result<bool> lower_reduce(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const DType dtype = lowering.graph().value(node.inputs[0]).dtype;
  if (x.elements() == 0 || dtype == DType::I32) return false;
  const std::span<const int64_t> axes = node.attrs.get_ints(Attr::axes);
  int64_t sizes[3] = {1, 1, 1};
  int part = 0;
  for (int i = 0; i < x.rank(); ++i) {
    if (x[i] == 1) continue;
    const bool reduced = axes.empty() || std::ranges::find(axes, i) != axes.end();
    if (reduced != (part == 1)) ++part;
    if (part > 2) return false;
    sizes[part] *= x[i];
  }
  const std::string_view mode = node.attrs.get_string(Attr::mode, "");
  if (mode == "mean") {
    emit_mean(lowering, node, sizes);
    return true;
  }
  const Reduction reduction = mode == "sum"   ? Reduction::Sum
                              : mode == "max" ? Reduction::Max
                              : mode == "min" ? Reduction::Min
                                              : Reduction::Product;
  emit_reduce(lowering, node, reduction, false, sizes);
  return true;
}

}  // namespace linnet::cpu

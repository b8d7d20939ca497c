#include "backends/cpu/lower.h"
#include "backends/cpu/params.h"
#include "simd/simd.h"

namespace linnet::cpu {

// The mean over all axes between the first and the last, as global average pooling has it.
Result<bool> lower_reduce(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const std::span<const int64_t> axes = node.attrs.get_ints(Attr::axes);
  bool inner = lowering.graph().value(node.inputs[0]).dtype == DType::F32 && x.rank() >= 3 &&
               node.attrs.get_string(Attr::mode, "") == "mean" &&
               axes.size() == static_cast<size_t>(x.rank()) - 2;
  for (size_t i = 0; i < axes.size(); ++i) inner = inner && axes[i] == static_cast<int64_t>(i) + 1;
  if (!inner) return false;
  const auto batch = static_cast<uint32_t>(x[0]), channels = static_cast<uint32_t>(x.back());
  std::vector<uint32_t> words;
  append_params(words, GlobalMeanParams{lowering.ref(node.inputs[0]), lowering.ref(node.outputs[0]), batch,
                                        static_cast<uint32_t>(x.elements() / batch / channels), channels});
  lowering.emit(PlanOp::GlobalMean, batch * ((channels + simd::kWidth - 1) / simd::kWidth), x.elements(),
                words);
  return true;
}

}  // namespace linnet::cpu

#include "backends/cpu/lower/global_mean.h"

namespace linnet::cpu {

// The mean over all axes between the first and the last, as global average pooling has it.
Result<bool> lower_reduce(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const std::span<const int64_t> axes = node.attrs.get_ints(Attr::axes);
  // A mean is of f32 or codes.
  bool inner = x.rank() >= 3 && node.attrs.get_string(Attr::mode, "") == "mean" &&
               axes.size() == static_cast<size_t>(x.rank()) - 2;
  for (size_t i = 0; i < axes.size(); ++i) inner = inner && axes[i] == static_cast<int64_t>(i) + 1;
  if (!inner) return false;
  emit_global_mean(lowering, node);
  return true;
}

}  // namespace linnet::cpu

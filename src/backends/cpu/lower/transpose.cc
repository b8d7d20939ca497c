#include "backends/cpu/lower/strided_copy.h"

namespace linnet::cpu {

Result<bool> lower_transpose(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& y = lowering.shape(node.outputs[0]);
  const std::span<const int64_t> perm = node.attrs.get_ints(Attr::perm);
  int64_t x_strides[Shape::kMaxRank];
  int64_t step = 1;
  for (int i = x.rank() - 1; i >= 0; --i) {
    x_strides[i] = step;
    step *= x[i];
  }
  CopyAxis axes[Shape::kMaxRank];
  step = 1;
  for (int i = y.rank() - 1; i >= 0; --i) {
    axes[i] = {y[i], x_strides[perm[static_cast<size_t>(i)]], step};
    step *= y[i];
  }
  emit_strided_copy(lowering, node.inputs[0], 0, node.outputs[0], 0,
                    std::span(axes, static_cast<size_t>(y.rank())));
  return true;
}

}  // namespace linnet::cpu

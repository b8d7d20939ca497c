#include "backends/cpu/lower/strided_copy.h"

namespace linnet::cpu {

Result<bool> lower_slice(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& y = lowering.shape(node.outputs[0]);
  const std::span<const int64_t> begins = node.attrs.get_ints(Attr::begin),
                                 strides = node.attrs.get_ints(Attr::strides);
  CopyAxis axes[Shape::kMaxRank];
  int64_t begin = 0, x_step = 1, out_step = 1;
  for (int i = x.rank() - 1; i >= 0; --i) {
    const auto axis = static_cast<size_t>(i);
    begin += begins[axis] * x_step;
    axes[i] = {y[i], x_step * (strides.empty() ? 1 : strides[axis]), out_step};
    x_step *= x[i];
    out_step *= y[i];
  }
  emit_strided_copy(lowering, node.inputs[0], begin, node.outputs[0], 0,
                    std::span(axes, static_cast<size_t>(x.rank())));
  return true;
}

}  // namespace linnet::cpu

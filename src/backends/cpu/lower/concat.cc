#include <array>

#include "backends/cpu/lower/strided_copy.h"

namespace linnet::cpu {

Result<bool> lower_concat(Lowering& lowering, const Node& node) {
  const int axis = static_cast<int>(node.attrs.get_int(Attr::axis, 0));
  const ValueId out = node.outputs[0];
  const Shape& y = lowering.shape(out);
  int64_t outer = 1;
  for (int i = 0; i < axis; ++i) outer *= y[i];
  if (outer == 0) return true;
  int64_t at = 0;
  for (ValueId input : node.inputs) {
    const int64_t run = lowering.shape(input).elements() / outer;
    emit_strided_copy(lowering, input, 0, out, at,
                      std::array{CopyAxis{outer, run, y.elements() / outer}, CopyAxis{run, 1, 1}});
    at += run;
  }
  return true;
}

}  // namespace linnet::cpu

#include <bit>

#include "backends/cpu/lower.h"
#include "backends/cpu/params.h"

namespace linnet::cpu {

Result<bool> lower_pad(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& y = lowering.shape(node.outputs[0]);
  if (lowering.graph().value(node.inputs[0]).dtype != DType::F32 || x.rank() > 4 ||
      node.attrs.get_string(Attr::mode, "constant") != "constant")
    return false;
  const std::span<const int64_t> pads = node.attrs.get_ints(Attr::pads);
  PadParams p{lowering.ref(node.inputs[0]),
              lowering.ref(node.outputs[0]),
              {1, 1, 1, 1},
              {1, 1, 1, 1},
              {0, 0, 0, 0},
              std::bit_cast<uint32_t>(node.attrs.get_float(Attr::value, 0))};
  const int shift = 4 - x.rank();
  for (int i = 0; i < x.rank(); ++i) {
    p.in[i + shift] = static_cast<uint32_t>(x[i]);
    p.out_dims[i + shift] = static_cast<uint32_t>(y[i]);
    p.before[i + shift] = static_cast<uint32_t>(pads[2 * static_cast<size_t>(i)]);
  }
  std::vector<uint32_t> words;
  append_params(words, p);
  lowering.emit(PlanOp::PadConstant, p.out_dims[0] * p.out_dims[1], y.elements(), words);
  return true;
}

}  // namespace linnet::cpu

#include "backends/cpu/lower.h"
#include "backends/cpu/params.h"

namespace linnet::cpu {

Result<bool> lower_layer_norm(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  if (x.elements() == 0) return false;
  const auto columns = static_cast<uint32_t>(x.back());
  const auto rows = static_cast<uint32_t>(x.elements() / columns);
  std::vector<uint32_t> words;
  append_params(words, LayerNormParams{lowering.ref(node.inputs[0]), lowering.ref(node.inputs[1]),
                                       lowering.ref(node.inputs[2]), lowering.ref(node.outputs[0]), columns,
                                       node.attrs.get_string(Attr::mode, "") == "layer",
                                       node.attrs.get_float(Attr::epsilon, 0)});
  lowering.emit(PlanOp::LayerNorm, rows, x.elements() * 3, words);
  return true;
}

}  // namespace linnet::cpu

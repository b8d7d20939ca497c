#include "backends/cpu/lower.h"
#include "backends/cpu/params.h"

namespace linnet::cpu {

Result<bool> lower_softmax(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const auto columns = static_cast<uint32_t>(x.back());
  const auto rows = static_cast<uint32_t>(x.elements() / columns);
  std::vector<uint32_t> words;
  append_params(words,
                SoftmaxParams{lowering.ref(node.inputs[0]), lowering.ref(node.outputs[0]), rows, columns});
  lowering.emit(PlanOp::Softmax, rows, x.elements() * 8, words);
  return true;
}

}  // namespace linnet::cpu

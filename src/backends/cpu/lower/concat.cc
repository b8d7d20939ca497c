#include "backends/cpu/lower.h"
#include "backends/cpu/params.h"

namespace linnet::cpu {

Result<bool> lower_concat(Lowering& lowering, const Node& node) {
  const int axis = static_cast<int>(node.attrs.get_int(Attr::axis, 0));
  const ValueId out = node.outputs[0];
  const Shape& y = lowering.shape(out);
  int64_t outer = 1;
  for (int i = 0; i < axis; ++i) outer *= y[i];
  const int64_t size = static_cast<int64_t>(dtype_size(lowering.graph().value(out).dtype));
  const int64_t out_bytes = y.elements() * size / outer;
  uint32_t at = 0;
  for (ValueId input : node.inputs) {
    const int64_t bytes = lowering.shape(input).elements() * size / outer;
    if (bytes == 0) continue;
    std::vector<uint32_t> words;
    append_params(words, CopyRowsParams{lowering.ref(input), lowering.ref(out), at,
                                        static_cast<uint32_t>(outer), static_cast<uint32_t>(bytes),
                                        static_cast<uint32_t>(bytes), static_cast<uint32_t>(out_bytes)});
    lowering.emit(PlanOp::CopyRows, static_cast<uint32_t>(outer), bytes * outer / 4, words);
    at += static_cast<uint32_t>(bytes);
  }
  return true;
}

}  // namespace linnet::cpu

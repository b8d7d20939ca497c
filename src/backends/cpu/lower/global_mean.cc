#include "backends/cpu/lower/global_mean.h"

#include "backends/cpu/params.h"
#include "simd/simd.h"

namespace linnet::cpu {

void emit_global_mean(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const auto batch = static_cast<uint32_t>(x[0]), channels = static_cast<uint32_t>(x.back());
  std::vector<uint32_t> words;
  append_params(words, GlobalMeanParams{lowering.ref(node.inputs[0]), lowering.ref(node.outputs[0]), batch,
                                        static_cast<uint32_t>(x.elements() / batch / channels), channels});
  lowering.emit(PlanOp::GlobalMean, batch * ((channels + simd::kWidth - 1) / simd::kWidth), x.elements(),
                words);
}

}  // namespace linnet::cpu

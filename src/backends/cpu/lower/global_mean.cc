#include "backends/cpu/lower/global_mean.h"

#include "backends/cpu/params.h"
#include "simd/simd.h"

namespace linnet::cpu {

void emit_global_mean(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const auto batch = static_cast<uint32_t>(x[0]), channels = static_cast<uint32_t>(x.back());
  const auto rows = static_cast<uint32_t>(x.elements() / batch / channels);
  std::vector<uint32_t> words;
  if (lowering.graph().value(node.inputs[0]).dtype == DType::I8) {
    PoolParams p{};
    p.x = lowering.ref(node.inputs[0]);
    p.out = lowering.ref(node.outputs[0]);
    p.batch = batch;
    p.channels = channels;
    p.in_h = p.kernel_y = rows;
    p.in_w = p.kernel_x = p.out_h = p.out_w = p.stride_y = p.stride_x = 1;
    append_params(words, p);
    lowering.emit(PlanOp::QuantizedPool, batch, x.elements(), words);
    return;
  }
  append_params(words, GlobalMeanParams{lowering.ref(node.inputs[0]), lowering.ref(node.outputs[0]), batch,
                                        rows, channels});
  lowering.emit(PlanOp::GlobalMean, batch * ((channels + simd::kWidth - 1) / simd::kWidth), x.elements(),
                words);
}

}  // namespace linnet::cpu

#include "ops/pool.h"

#include "backends/cpu/lower.h"
#include "backends/cpu/params.h"
#include "simd/simd.h"

namespace linnet::cpu {

Result<bool> lower_pool(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& y = lowering.shape(node.outputs[0]);
  const Window window = pool_window(node.attrs, x);
  const auto batch = static_cast<uint32_t>(x[0]), channels = static_cast<uint32_t>(x[3]);
  std::vector<uint32_t> words;
  const bool is_max = node.op == Op::max_pool;
  const bool whole = window.y.output == 1 && window.x.output == 1 && window.y.pad_before == 0 &&
                     window.x.pad_before == 0 && window.y.kernel == x[1] && window.x.kernel == x[2];
  if (whole && !is_max) {
    append_params(words, GlobalMeanParams{lowering.ref(node.inputs[0]), lowering.ref(node.outputs[0]), batch,
                                          static_cast<uint32_t>(x[1] * x[2]), channels});
    lowering.emit(PlanOp::GlobalMean, batch * ((channels + simd::kWidth - 1) / simd::kWidth), x.elements(),
                  words);
    return true;
  }
  append_params(words,
                PoolParams{lowering.ref(node.inputs[0]), lowering.ref(node.outputs[0]), batch,
                           static_cast<uint32_t>(x[1]), static_cast<uint32_t>(x[2]), channels,
                           static_cast<uint32_t>(y[1]), static_cast<uint32_t>(y[2]),
                           static_cast<uint32_t>(window.y.kernel), static_cast<uint32_t>(window.x.kernel),
                           static_cast<uint32_t>(window.y.stride), static_cast<uint32_t>(window.x.stride),
                           window.y.pad_before, window.x.pad_before, is_max ? 1u : 0u});
  lowering.emit(PlanOp::Pool, batch * static_cast<uint32_t>(y[1]),
                y.elements() * window.y.kernel * window.x.kernel, words);
  return true;
}

}  // namespace linnet::cpu

#include "ops/pool.h"

#include "backends/cpu/lower/reduce.h"
#include "backends/cpu/lower/window_params.h"
#include "backends/cpu/params.h"

namespace linnet::cpu {

Result<bool> lower_pool(Lowering& lowering, const Node& node) {
  const bool is_codes = lowering.graph().value(node.inputs[0]).dtype == DType::I8;
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& y = lowering.shape(node.outputs[0]);
  const Window window = pool_window(node.attrs, x);
  const bool is_max = node.op == Op::max_pool;
  if (covers_image(window) && !is_max) {
    emit_global_mean(lowering, node);
    return true;
  }
  PoolParams p{};
  p.x = lowering.ref(node.inputs[0]);
  p.out = lowering.ref(node.outputs[0]);
  set_images(p, lowering, node);
  set_window(p, window);
  p.is_max = is_max ? 1 : 0;
  std::vector<uint32_t> words;
  append_params(words, p);
  lowering.emit(is_codes ? PlanOp::QuantizedPool : PlanOp::Pool, p.batch * p.out_h,
                y.elements() * p.kernel_y * p.kernel_x, words);
  return true;
}

}  // namespace linnet::cpu

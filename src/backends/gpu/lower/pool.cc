#include "ops/pool.h"

#include "backends/gpu/lower.h"
#include "backends/gpu/lower/window_text.h"

namespace linnet::gpu {

Result<bool> lower_pool(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& y = lowering.shape(node.outputs[0]);
  const bool fours = y[3] % 4 == 0, is_max = node.op == Op::max_pool;
  const Window window = pool_window(node.attrs, x);
  if (!is_max && covers_image(window)) return lower_reduce(lowering, node);
  Kernel kernel;
  kernel.input(lowering.operand(node.inputs[0]));
  add_window(kernel, window, x, y);
  kernel.text = with_lanes(
      fours, text_of("@fn $V element(u32 e) {\n$0  @$V value = $V$1;\n$2      $3$4  return value$5;\n}\n",
                     {kSplitPixel, is_max ? "(-3.402823e38)" : "(0.0);\n  @f32 count = 0.0", kForTaps,
                      is_max ? "value = max(value, $at_0(at * P.channels + c));\n"
                             : "value += $at_0(at * P.channels + c);\n      count += 1.0;\n",
                      kEndTaps, is_max ? "" : " * (1.0 / count)"}));
  return finish_elements(lowering, kernel, node, fours);
}

}  // namespace linnet::gpu

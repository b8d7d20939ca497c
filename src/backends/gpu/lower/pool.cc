#include "ops/pool.h"

#include "backends/gpu/lower.h"
#include "backends/gpu/lower/window_text.h"

namespace linnet::gpu {

Result<bool> lower_pool(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& y = lowering.shape(node.outputs[0]);
  const bool fours = y[3] % 4 == 0, is_max = node.op == Op::max_pool;
  Kernel kernel;
  kernel.input(lowering.operand(node.inputs[0]));
  add_window(kernel, pool_window(node.attrs, x), x, y);
  std::string body = "@fn $V element(u32 e) {\n" + std::string(kSplitPixel);
  body += is_max ? "  @$V value = $V(-3.402823e38);\n" : "  @$V value = $V(0.0);\n  @f32 count = 0.0;\n";
  body += kForTaps;
  body += is_max ? "      value = max(value, $at_0(at * P.channels + c));\n"
                 : "      value += $at_0(at * P.channels + c);\n      count += 1.0;\n";
  body += kEndTaps;
  body += is_max ? "  return value;\n}\n" : "  return value * (1.0 / count);\n}\n";
  kernel.text = with_lanes(fours, body);
  finish_elements(lowering, kernel, node, fours);
  TRY(lowering.emit(std::move(kernel), node.outputs[0]));
  return true;
}

}  // namespace linnet::gpu

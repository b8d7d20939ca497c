#include "backends/gpu/lower.h"

namespace linnet::gpu {

// As store_double: to whole numbers saturating, the fraction dropped, NaN to 0; to bool whether it is not 0.
Result<bool> lower_cast(Lowering& lowering, const Node& node) {
  const DType to = lowering.dtype(node.outputs[0]);
  Kernel kernel;
  const bool whole = is_whole(lowering.dtype(node.inputs[0]));
  kernel.input(lowering.operand(node.inputs[0]));
  const char* type = whole ? "vec4i" : "vec4f";
  std::string body = text_of("  @$0 x = at4_0(e);\n", {type}), value = "x";
  const auto clamp = [&](const char* low, const char* high) {
    if (!whole) body += "  x = select4(eq4(x, x), x, vec4f(0.0));\n";
    append(body, "  x = min(max(x, $0($1$2)), $0($3$2));\n", {type, low, whole ? "" : ".0", high});
  };
  if (to == DType::Bool) {
    value = text_of("vec4f(1.0) - eq$0(x, $1(0))", {whole ? "4i" : "4", type});
  } else if (to == DType::I32 && !whole) {
    // The largest f32 below 2^31 is 127 short of the largest i32.
    body += "  @vec4f over = ge4(x, vec4f(2147483648.0));\n";
    clamp("-2147483648", "2147483520");
    value = "vec4i(x) + 127 * vec4i(over)";
  } else if (to == DType::I8 || to == DType::U8) {
    to == DType::U8 ? clamp("0", "255") : clamp("-128", "127");
    value = "vec4f(vec4i(x))";
  } else if (is_whole(to) != whole) {
    value = whole ? "vec4f(x)" : "vec4i(x)";
  }
  finish_kernel(kernel, body, value);
  return lowering.emit(kernel, node.outputs[0]);
}

}  // namespace linnet::gpu

// Convolutions one result at a time, for any shapes and for weights that are computed.
#include "backends/gpu/lower.h"
#include "backends/gpu/lower/window_text.h"
#include "graph/op_def.h"

namespace linnet::gpu {

namespace {

// Adds x, weights and, where there is one, the bias as inputs 0, 1, 2; gives the text that starts a sum.
std::string add_operands(Lowering& lowering, Kernel& kernel, const Node& node) {
  for (int i = 0; i < own_inputs(node); ++i)
    kernel.input(lowering.operand(node.inputs[static_cast<size_t>(i)]));
  return own_inputs(node) > 2 ? "  @$V sum = $at_2(c);\n" : "  @$V sum = $V(0.0);\n";
}

Result<bool> finish(Lowering& lowering, Kernel kernel, const Node& node, bool fours,
                    const std::string& body) {
  kernel.text = with_lanes(fours, body);
  finish_elements(lowering, kernel, node, fours);
  TRY(lowering.emit(std::move(kernel), node.outputs[0]));
  return true;
}

}  // namespace

Result<bool> lower_conv2d(Lowering& lowering, const Node& node) {
  if (!has_float_operands(lowering.graph(), node)) return false;
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& w = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  Kernel kernel;
  const std::string start = add_operands(lowering, kernel, node);
  add_window(kernel, window_of(node.attrs, x, w[0], w[1]), x, y);
  const std::string body = "@fn $V element(u32 e) {\n" + std::string(kSplitPixel) + start +
                           std::string(kForTaps) +
                           R"(      @u32 tap = u32(ky * P.kernel_x + kx) * P.channels;
      for (@u32 i = 0u; i < P.channels; i++) {
        sum += at_0(at * P.channels + i) * $at_1((tap + i) * P.out_channels + c);
      }
)" + std::string(kEndTaps) +
                           "  return sum;\n}\n";
  return finish(lowering, std::move(kernel), node, y[3] % 4 == 0, body);
}

Result<bool> lower_depthwise_conv2d(Lowering& lowering, const Node& node) {
  if (!has_float_operands(lowering.graph(), node)) return false;
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& w = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  const bool fours = w[3] == 1 && y[3] % 4 == 0;
  Kernel kernel;
  const std::string start = add_operands(lowering, kernel, node);
  add_window(kernel, window_of(node.attrs, x, w[0], w[1]), x, y);
  const std::string source =
      w[3] == 1 ? "c" : "c / " + kernel.param("multiplier", static_cast<uint32_t>(w[3]));
  const std::string body = "@fn $V element(u32 e) {\n" + std::string(kSplitPixel) + start +
                           std::string(kForTaps) + "      sum += $at_0(at * P.channels + " + source +
                           ") * $at_1(u32(ky * P.kernel_x + kx) * P.out_channels + c);\n" +
                           std::string(kEndTaps) + "  return sum;\n}\n";
  return finish(lowering, std::move(kernel), node, fours, body);
}

// Each result gathers from the pixels whose windows cover it.
Result<bool> lower_conv2d_transpose(Lowering& lowering, const Node& node) {
  if (!has_float_operands(lowering.graph(), node)) return false;
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& w = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  Kernel kernel;
  const std::string start = add_operands(lowering, kernel, node);
  add_window(kernel, window_of(node.attrs, y, w[0], w[1]), x, y);
  const std::string products = x[3] % 4 == 0 ? R"(      for (@u32 i = 0u; i < P.channels; i += 4u) {
        sum += dot(at4_0(at * P.channels + i), at4_1(tap * P.channels + i));
      }
)"
                                             : R"(      for (@u32 i = 0u; i < P.channels; i++) {
        sum += at_0(at * P.channels + i) * at_1(tap * P.channels + i);
      }
)";
  const std::string body = "@fn $V element(u32 e) {\n" + std::string(kSplitPixel) + start +
                           R"(  for (@i32 ky = 0; ky < P.kernel_y; ky++) {
    @i32 sy = oy + P.pad_top - ky * P.dilation_y;
    if (sy < 0 || sy % P.stride_y != 0 || sy / P.stride_y >= P.in_h) { continue; }
    for (@i32 kx = 0; kx < P.kernel_x; kx++) {
      @i32 sx = ox + P.pad_left - kx * P.dilation_x;
      if (sx < 0 || sx % P.stride_x != 0 || sx / P.stride_x >= P.in_w) { continue; }
      @u32 at = (n * u32(P.in_h) + u32(sy / P.stride_y)) * u32(P.in_w) + u32(sx / P.stride_x);
      @u32 tap = u32(ky * P.kernel_x + kx) * P.out_channels + c;
)" + products + "    }\n  }\n  return sum;\n}\n";
  return finish(lowering, std::move(kernel), node, false, body);
}

}  // namespace linnet::gpu

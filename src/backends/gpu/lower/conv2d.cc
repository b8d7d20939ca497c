// Convolutions one result at a time, for any shapes and for weights that are computed.
#include "backends/gpu/lower.h"
#include "backends/gpu/lower/window_text.h"
#include "graph/op_def.h"

namespace linnet::gpu {

namespace {

// Adds x, weights and, where there is one, the bias as inputs 0, 1, 2, and the window's parameters. The
// kernel sums up `terms` for each tap, between the texts `begin` and kEndTaps.
Result<bool> emit_sum(Lowering& lowering, const Node& node, const Shape& windows_on, bool fours,
                      const char* begin, const char* terms) {
  if (!has_float_operands(lowering.graph(), node)) return false;
  const Shape& w = lowering.shape(node.inputs[1]);
  Kernel kernel;
  lowering.add_own_inputs(kernel, node);
  add_window(kernel, window_of(node.attrs, windows_on, w[0], w[1]), lowering.shape(node.inputs[0]),
             lowering.shape(node.outputs[0]));
  if (node.op == Op::depthwise_conv2d && w[3] != 1) kernel.param("multiplier", static_cast<uint32_t>(w[3]));
  kernel.text = with_lanes(
      fours, text_of("@fn $V element(u32 e) {\n$0  @$V sum = $1;\n$2$3$4  return sum;\n}\n",
                     {kSplitPixel, own_inputs(node) > 2 ? "$at_2(c)" : "$V(0.0)", begin, terms, kEndTaps}));
  return finish_elements(lowering, kernel, node, fours);
}

}  // namespace

Result<bool> lower_conv2d(Lowering& lowering, const Node& node) {
  return emit_sum(lowering, node, lowering.shape(node.inputs[0]), lowering.shape(node.outputs[0])[3] % 4 == 0,
                  kForTaps,
                  R"(      @u32 tap = u32(ky * P.kernel_x + kx) * P.channels;
      for (@u32 i = 0u; i < P.channels; i++) {
        sum += at_0(at * P.channels + i) * $at_1((tap + i) * P.out_channels + c);
      }
)");
}

Result<bool> lower_depthwise_conv2d(Lowering& lowering, const Node& node) {
  const bool single = lowering.shape(node.inputs[1])[3] == 1;
  return emit_sum(
      lowering, node, lowering.shape(node.inputs[0]), single && lowering.shape(node.outputs[0])[3] % 4 == 0,
      kForTaps,
      single ? "      sum += $at_0(at * P.channels + c) * $at_1(u32(ky * P.kernel_x + kx) * P.out_channels + "
               "c);\n"
             : "      sum += $at_0(at * P.channels + c / P.multiplier) * $at_1(u32(ky * P.kernel_x + kx) * "
               "P.out_channels + c);\n");
}

// Each result gathers from the pixels whose windows cover it.
Result<bool> lower_conv2d_transpose(Lowering& lowering, const Node& node) {
  return emit_sum(lowering, node, lowering.shape(node.outputs[0]), false,
                  R"(  for (@i32 ky = 0; ky < P.kernel_y; ky++) {
    @i32 sy = oy + P.pad_top - ky * P.dilation_y;
    if (sy < 0 || sy % P.stride_y != 0 || sy / P.stride_y >= P.in_h) { continue; }
    for (@i32 kx = 0; kx < P.kernel_x; kx++) {
      @i32 sx = ox + P.pad_left - kx * P.dilation_x;
      if (sx < 0 || sx % P.stride_x != 0 || sx / P.stride_x >= P.in_w) { continue; }
      @u32 at = (n * u32(P.in_h) + u32(sy / P.stride_y)) * u32(P.in_w) + u32(sx / P.stride_x);
      @u32 tap = u32(ky * P.kernel_x + kx) * P.out_channels + c;
)",
                  lowering.shape(node.inputs[0])[3] % 4 == 0
                      ? R"(      for (@u32 i = 0u; i < P.channels; i += 4u) {
        sum += dot(at4_0(at * P.channels + i), at4_1(tap * P.channels + i));
      }
)"
                      : R"(      for (@u32 i = 0u; i < P.channels; i++) {
        sum += at_0(at * P.channels + i) * at_1(tap * P.channels + i);
      }
)");
}

}  // namespace linnet::gpu

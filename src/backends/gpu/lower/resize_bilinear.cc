#include "backends/gpu/lower.h"
#include "ops/resize.h"

namespace linnet::gpu {

Result<bool> lower_resize_bilinear(Lowering& lowering, const Node& node) {
  if (!has_float_operands(lowering.graph(), node)) return false;
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& y = lowering.shape(node.outputs[0]);
  const bool fours = y[3] % 4 == 0;
  // For each output row or column: the two it reads, as whole numbers, and the second one's share.
  const auto taps = [&](int axis) {
    std::vector<float> table;
    for (int32_t i = 0; i < y[axis]; ++i) {
      const ResizeTap tap = resize_tap(node.attrs, i, x[axis], y[axis]);
      table.insert(table.end(), {static_cast<float>(tap.low), static_cast<float>(tap.high), tap.fraction, 0});
    }
    const size_t bytes = table.size() * sizeof(float);
    const auto fill = [table, bytes](std::byte* to) { std::memcpy(to, table.data(), bytes); };
    return Operand{lowering.add_weights(bytes, kNone, fill), DType::F32};
  };
  Kernel kernel;
  kernel.input(lowering.operand(node.inputs[0]));
  kernel.input(taps(1));
  kernel.input(taps(2));
  kernel.param("channels", static_cast<uint32_t>(x[3]));
  kernel.param("in_h", static_cast<uint32_t>(x[1]));
  kernel.param("in_w", static_cast<uint32_t>(x[2]));
  kernel.param("out_h", static_cast<uint32_t>(y[1]));
  kernel.param("out_w", static_cast<uint32_t>(y[2]));
  kernel.text = with_lanes(fours, R"(@fn $V element(u32 e) {
  @u32 c = e % P.channels;
  @u32 pixel = e / P.channels;
  @vec4f h = at4_2(pixel % P.out_w * 4u);
  pixel = pixel / P.out_w;
  @vec4f v = at4_1(pixel % P.out_h * 4u);
  @u32 image = pixel / P.out_h * P.in_h;
  @u32 low = (image + u32(v.x)) * P.in_w;
  @u32 high = (image + u32(v.y)) * P.in_w;
  @$V top = mix($at_0((low + u32(h.x)) * P.channels + c), $at_0((low + u32(h.y)) * P.channels + c), h.z);
  @$V bottom = mix($at_0((high + u32(h.x)) * P.channels + c), $at_0((high + u32(h.y)) * P.channels + c), h.z);
  return mix(top, bottom, v.z);
}
)");
  return finish_elements(lowering, kernel, node, fours);
}

}  // namespace linnet::gpu

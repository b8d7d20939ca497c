#include "backends/cpu/lower.h"
#include "backends/cpu/params.h"
#include "ops/resize.h"

namespace linnet::cpu {

Result<bool> lower_resize_bilinear(Lowering& lowering, const Node& node) {
  const bool is_codes = lowering.graph().value(node.inputs[0]).dtype == DType::I8;
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& y = lowering.shape(node.outputs[0]);
  const auto taps = [&](int axis) {
    std::vector<ResizeTap> table;
    for (int32_t i = 0; i < y[axis]; ++i) table.push_back(resize_tap(node.attrs, i, x[axis], y[axis]));
    return lowering.add_weights(table.size() * sizeof(ResizeTap), [table](std::byte* to) {
      std::memcpy(to, table.data(), table.size() * sizeof(ResizeTap));
    });
  };
  const Ref taps_y = taps(1), taps_x = taps(2);
  std::vector<uint32_t> words;
  append_params(words, ResizeParams{lowering.ref(node.inputs[0]), lowering.ref(node.outputs[0]), taps_y,
                                    taps_x, static_cast<uint32_t>(x[0]), static_cast<uint32_t>(x[1]),
                                    static_cast<uint32_t>(x[2]), static_cast<uint32_t>(x[3]),
                                    static_cast<uint32_t>(y[1]), static_cast<uint32_t>(y[2])});
  lowering.emit(is_codes ? PlanOp::QuantizedResize : PlanOp::ResizeBilinear,
                static_cast<uint32_t>(y[0] * y[1]), y.elements() * 4, words);
  return true;
}

}  // namespace linnet::cpu

// conv2d(x[N,H,W,C], w[kh,kw,C,O], bias[O]?) -> [N,H',W',O]. Cross-correlation, as TensorFlow's Conv2D.
#include "ops/definitions.h"
#include "ops/window.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {kStridesAttr, kDilationsAttr, kPadsAttr};

Result<void> infer(const InferContext& context) {
  TRY(expect_image_and_kernel(context, 2));
  const Shape& x = context.shape(0);
  const Shape& w = context.shape(1);
  TRY(expect_bias(context, 2, w[3]));
  TRY_ASSIGN(const Window window, make_window(context.node.attrs, x, w[0], w[1]));
  return context.set_output(DType::F32, Shape{x[0], window.y.output, window.x.output, w[3]});
}

void reference(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const TensorView& w = context.inputs[1];
  const float* bias = context.inputs.size() > 2 ? context.inputs[2].as<float>() : nullptr;
  const Window window = window_of(context.attrs, x.shape, w.shape[0], w.shape[1]);
  const int32_t channels = x.shape[3], filters = w.shape[3];
  float* out = context.outputs[0].as<float>();
  for (int32_t n = 0; n < x.shape[0]; ++n)
    for (int32_t oy = 0; oy < window.y.output; ++oy)
      for (int32_t ox = 0; ox < window.x.output; ++ox)
        for (int32_t o = 0; o < filters; ++o) {
          double sum = bias != nullptr ? static_cast<double>(bias[o]) : 0;
          for_each_tap(window, n, oy, ox, [&](int64_t pixel, int64_t tap) {
            const float* values = x.as<float>() + pixel * channels;
            const float* weights = w.as<float>() + tap * channels * filters + o;
            for (int32_t c = 0; c < channels; ++c)
              sum += static_cast<double>(values[c]) * static_cast<double>(weights[int64_t{c} * filters]);
          });
          *out++ = static_cast<float>(sum);
        }
}

int64_t macs(const Node& node, const Graph& graph) {
  const Shape& w = graph.value(node.inputs[1]).shape;
  return graph.value(node.outputs[0]).shape.elements() * w[0] * w[1] * w[2];
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[1,5,6,3]
const %w: f32[1,1,3,4] = random(1)
%y = conv2d(%x, %w)
output %y)",
    R"(input %x: f32[2,7,9,5]
const %w: f32[1,1,5,17] = random(2)
const %b: f32[17] = random(3)
%y = conv2d(%x, %w, %b) {epilogue=relu6($0)}
output %y)",
    R"(input %x: f32[1,6,6,8]
const %w: f32[1,1,8,8] = random(2)
%y = conv2d(%x, %w) {strides=[2,2]}
output %y)",
    R"(input %x: f32[1,11,10,3]
const %w: f32[3,3,3,8] = random(4)
const %b: f32[8] = random(5)
%y = conv2d(%x, %w, %b) {strides=[2,2], pads=[0,1,0,1], epilogue=relu($0)}
output %y)",
    R"(input %x: f32[1,9,7,4]
const %w: f32[5,3,4,33] = random(6)
const %b: f32[33] = random(7)
%y = conv2d(%x, %w, %b) {pads=[2,2,1,1], epilogue=sigmoid($0)}
output %y)",
    R"(input %x: f32[1,12,12,6]
const %w: f32[3,3,6,7] = random(8)
%y = conv2d(%x, %w) {dilations=[2,3], pads=[2,2,3,3]}
output %y)",
    R"(input %x: f32[1,6,5,4]
input %r: f32[1,6,5,12]
const %w: f32[3,3,4,12] = random(9)
const %b: f32[12] = random(10)
const %a: f32[12] = random(11)
%y = conv2d(%x, %w, %b, %r, %a) {pads=[1,1,1,1], epilogue=prelu(add($0, $1), $2)}
output %y)",
    R"(input %x: f32[1,5,5,6]
const %w: f32[3,3,6,77] = random(13)
const %b: f32[77] = random(14)
%y = conv2d(%x, %w, %b) {pads=[1,1,1,1], epilogue=tanh($0)}
output %y)",
    R"(input %x: f32[3,1,1,40]
const %w: f32[1,1,40,3] = random(12)
%y = conv2d(%x, %w)
output %y)",
    R"(input %x: f32[1,5,7,32]
const %w: f32[1,1,32,48] = random(21)
const %b: f32[48] = random(22)
input %r: f32[1,5,7,48]
%y = conv2d(%x, %w, %b, %r) {epilogue=relu6(add($0, $1))}
output %y)",
    R"(input %x: f32[1,9,9,20]
const %w: f32[3,3,20,40] = random(23)
%y = conv2d(%x, %w) {pads=[1,1,1,1], strides=[2,1]}
output %y)",
};

}  // namespace

constinit const OpDef k_conv2d{
    "conv2d", 2, 3, 1, kAttrs, kTraitEpilogue, 1e-5f, infer, reference, macs, LINNET_CASES(kCases)};

}  // namespace linnet

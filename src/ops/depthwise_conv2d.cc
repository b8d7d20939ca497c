// depthwise_conv2d(x[N,H,W,C], w[kh,kw,C,M], bias[C*M]?) -> [N,H',W',C*M]; channel c gives outputs c*M ..
// c*M+M-1.
#include "ops/definitions.h"
#include "ops/window.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {kStridesAttr, kDilationsAttr, kPadsAttr};

Result<void> infer(const InferContext& context) {
  TRY(expect_image_and_kernel(context, 2));
  const Shape& x = context.shape(0);
  const Shape& w = context.shape(1);
  TRY(Shape::make(std::array{int64_t{w[2]}, int64_t{w[3]}}, DType::F32, "the output channels"));
  TRY(expect_bias(context, 2, w[2] * w[3]));
  TRY_ASSIGN(const Window window, make_window(context.node.attrs, x, w[0], w[1]));
  return context.set_output(DType::F32, Shape{x[0], window.y.output, window.x.output, w[2] * w[3]});
}

void reference(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const TensorView& w = context.inputs[1];
  const float* bias = context.inputs.size() > 2 ? context.inputs[2].as<float>() : nullptr;
  const Window window = window_of(context.attrs, x.shape, w.shape[0], w.shape[1]);
  const int32_t channels = x.shape[3], multiplier = w.shape[3], filters = channels * multiplier;
  float* out = context.outputs[0].as<float>();
  for (int32_t n = 0; n < x.shape[0]; ++n)
    for (int32_t oy = 0; oy < window.y.output; ++oy)
      for (int32_t ox = 0; ox < window.x.output; ++ox)
        for (int32_t o = 0; o < filters; ++o) {
          double sum = bias != nullptr ? static_cast<double>(bias[o]) : 0;
          for_each_tap(window, n, oy, ox, [&](int64_t pixel, int64_t tap) {
            sum += static_cast<double>(x.as<float>()[pixel * channels + o / multiplier]) *
                   static_cast<double>(w.as<float>()[tap * filters + o]);
          });
          *out++ = static_cast<float>(sum);
        }
}

int64_t macs(const Node& node, const Graph& graph) {
  const Shape& w = graph.value(node.inputs[1]).shape;
  return graph.value(node.outputs[0]).shape.elements() * w[0] * w[1];
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[1,7,8,16]
const %w: f32[3,3,16,1] = random(1)
const %b: f32[16] = random(2)
%y = depthwise_conv2d(%x, %w, %b) {pads=[1,1,1,1], epilogue=relu6($0)}
output %y)",
    R"(input %x: f32[2,9,11,5]
const %w: f32[3,3,5,1] = random(3)
%y = depthwise_conv2d(%x, %w) {strides=[2,2], pads=[0,1,1,1]}
output %y)",
    R"(input %x: f32[1,10,9,19]
const %w: f32[5,5,19,1] = random(4)
const %b: f32[19] = random(5)
%y = depthwise_conv2d(%x, %w, %b) {pads=[2,2,2,2], epilogue=elu($0)}
output %y)",
    R"(input %x: f32[1,13,13,12]
const %w: f32[3,3,12,1] = random(6)
%y = depthwise_conv2d(%x, %w) {dilations=[4,4], pads=[4,4,4,4]}
output %y)",
    R"(input %x: f32[1,6,6,3]
const %w: f32[3,2,3,4] = random(7)
const %b: f32[12] = random(8)
%y = depthwise_conv2d(%x, %w, %b) {pads=[1,1,0,1]}
output %y)",
    R"(input %x: f32[1,2,3,8]
const %w: f32[3,3,8,1] = random(9)
%y = depthwise_conv2d(%x, %w) {pads=[1,1,1,1]}
output %y)",
    R"(input %x: f32[1,25,5,64]
input %r: f32[1,25,5,64]
const %w: f32[3,3,64,1] = random(10)
const %b: f32[64] = random(11)
%y = depthwise_conv2d(%x, %w, %b, %r) {pads=[1,1,1,1], epilogue=relu(add($1, $0))}
output %y)",
    // Rows longer than a kernel takes at a time, and more padding than a window is wide.
    R"(input %x: f32[1,5,70,9]
const %w: f32[3,3,9,1] = random(12)
%y = depthwise_conv2d(%x, %w) {pads=[1,3,1,4], epilogue=relu6($0)}
output %y)",
    R"(input %x: f32[1,9,75,18]
const %w: f32[5,5,18,1] = random(13)
%y = depthwise_conv2d(%x, %w) {strides=[2,2], pads=[2,4,1,3]}
output %y)",
    R"(input %x: f32[2,6,10,20]
const %w: f32[3,3,20,1] = random(14)
const %b: f32[20] = random(15)
%y = depthwise_conv2d(%x, %w, %b) {dilations=[1,3], pads=[1,3,1,3]}
output %y)",
    R"(input %x: f32[1,3,1,8]
const %w: f32[3,3,8,1] = random(16)
%y = depthwise_conv2d(%x, %w) {strides=[2,2], pads=[1,1,1,1]}
output %y)",
};

}  // namespace

constinit const OpDef k_depthwise_conv2d{
    "depthwise_conv2d", 2, 3, 1, kAttrs, kTraitEpilogue, 1e-5f, infer, reference, macs, LINNET_CASES(kCases)};

}  // namespace linnet

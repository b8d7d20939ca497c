// quantized_depthwise_conv2d(x i8[N,H,W,C], w i8[kh,kw,C,1], bias i32[C], multiplier f32[C]) ->
// i8[N,H',W',C]. As quantized_conv2d, one filter a channel.
#include "ops/definitions.h"
#include "ops/quantized.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {kStridesAttr, kDilationsAttr, kPadsAttr, kInputZeroAttr,
                              kZeroAttr,    kLowAttr,       kHighAttr};

Result<void> infer(const InferContext& context) {
  TRY(expect_image_and_kernel(context, 2, DType::I8));
  const Shape& x = context.shape(0);
  const Shape& w = context.shape(1);
  if (w[3] != 1)
    return fail(ErrorCode::ShapeMismatch, "the kernel %s must have one filter a channel",
                w.to_string().c_str());
  TRY(expect_requantisation(context, w[2], int64_t{w[0]} * w[1]));
  TRY_ASSIGN(const Window window, make_window(context.node.attrs, x, w[0], w[1]));
  return context.set_output(DType::I8, Shape{x[0], window.y.output, window.x.output, w[2]});
}

void reference(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const TensorView& w = context.inputs[1];
  const int32_t* bias = context.inputs[2].as<int32_t>();
  const float* multiplier = context.inputs[3].as<float>();
  const CodeRange range = code_range(context.attrs);
  const auto input_zero = static_cast<int32_t>(context.attrs.get_int(Attr::input_zero, 0));
  const Window window = window_of(context.attrs, x.shape, w.shape[0], w.shape[1]);
  const int32_t channels = x.shape[3];
  int8_t* out = context.outputs[0].as<int8_t>();
  for (int32_t n = 0; n < x.shape[0]; ++n)
    for (int32_t oy = 0; oy < window.y.output; ++oy)
      for (int32_t ox = 0; ox < window.x.output; ++ox)
        for (int32_t c = 0; c < channels; ++c) {
          int32_t sum = bias[c];
          for_each_tap(window, n, oy, ox, [&](int64_t pixel, int64_t tap) {
            sum += w.as<int8_t>()[tap * channels + c] * (x.as<int8_t>()[pixel * channels + c] - input_zero);
          });
          *out++ = to_code(static_cast<float>(sum) * multiplier[c], range);
        }
}

int64_t macs(const Node& node, const Graph& graph) {
  const Shape& w = graph.value(node.inputs[1]).shape;
  return graph.value(node.outputs[0]).shape.elements() * w[0] * w[1];
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: i8[1,7,8,16]
const %w: i8[3,3,16,1] = random(1)
const %b: i32[16] = random(2)
const %m: f32[16] = splat(0.003)
%y = quantized_depthwise_conv2d(%x, %w, %b, %m) {pads=[1,1,1,1], input_zero=20, zero=60}
output %y)",
    R"(input %x: i8[2,9,11,5]
const %w: i8[3,3,5,1] = random(3)
const %b: i32[5] = random(4)
const %m: f32[5] = splat(0.004)
%y = quantized_depthwise_conv2d(%x, %w, %b, %m) {strides=[2,2], pads=[0,1,1,1], input_zero=127, zero=64}
output %y)",
    R"(input %x: i8[1,10,9,35]
const %w: i8[5,5,35,1] = random(5)
const %b: i32[35] = random(6)
const %m: f32[35] = splat(0.001)
%y = quantized_depthwise_conv2d(%x, %w, %b, %m) {pads=[2,2,2,2], input_zero=64, zero=60, low=60}
output %y)",
    R"(input %x: i8[1,13,13,48]
const %w: i8[3,3,48,1] = random(7)
const %b: i32[48] = random(8)
const %m: f32[48] = splat(0.002)
%y = quantized_depthwise_conv2d(%x, %w, %b, %m) {dilations=[4,4], pads=[4,4,4,4], input_zero=30, zero=70, high=100}
output %y)",
    R"(input %x: i8[1,2,3,8]
const %w: i8[3,3,8,1] = random(9)
const %b: i32[8] = random(10)
const %m: f32[8] = splat(0.002)
%y = quantized_depthwise_conv2d(%x, %w, %b, %m) {pads=[1,1,1,1], input_zero=5, zero=60}
output %y)",
    R"(input %x: i8[1,25,12,64]
const %w: i8[3,3,64,1] = random(11)
const %b: i32[64] = random(12)
const %m: f32[64] = splat(0.003)
%y = quantized_depthwise_conv2d(%x, %w, %b, %m) {strides=[2,2], pads=[1,1,1,1], input_zero=11, zero=64}
output %y)",
    R"(input %x: i8[1,6,7,24]
const %w: i8[3,2,24,1] = random(13)
const %b: i32[24] = random(14)
const %m: f32[24] = splat(0.003)
%y = quantized_depthwise_conv2d(%x, %w, %b, %m) {pads=[1,1,0,1], input_zero=100, zero=64}
output %y)",
    R"(input %x: i8[2,9,10,19]
const %w: i8[3,3,19,1] = random(15)
const %b: i32[19] = random(16)
const %m: f32[19] = splat(0.003)
%y = quantized_depthwise_conv2d(%x, %w, %b, %m) {strides=[2,1], pads=[1,1,1,1], input_zero=83, zero=64}
output %y)",
    R"(input %x: i8[1,11,13,9]
const %w: i8[5,5,9,1] = random(17)
const %b: i32[9] = random(18)
const %m: f32[9] = splat(0.002)
%y = quantized_depthwise_conv2d(%x, %w, %b, %m) {strides=[2,2], pads=[2,2,2,2], input_zero=41, zero=64}
output %y)",
    R"(input %x: i8[1,4,9,72]
const %w: i8[3,3,72,1] = random(19)
const %b: i32[72] = random(20)
const %m: f32[72] = splat(0.003)
%y = quantized_depthwise_conv2d(%x, %w, %b, %m) {pads=[1,1,1,1], input_zero=41, zero=64}
output %y)",
    R"(input %x: i8[1,7,9,72]
const %w: i8[3,3,72,1] = random(21)
const %b: i32[72] = random(22)
const %m: f32[72] = splat(0.003)
%y = quantized_depthwise_conv2d(%x, %w, %b, %m) {strides=[2,2], pads=[1,0,1,1], input_zero=41, zero=64}
output %y)",
};

}  // namespace

constinit const OpDef k_quantized_depthwise_conv2d{
    "quantized_depthwise_conv2d", 4, 4, 1, kAttrs, kTraitNone, 0, infer, reference, macs,
    LINNET_CASES(kCases)};

}  // namespace linnet

// quantized_conv2d(x i8[N,H,W,C], w i8[kh,kw,C,O], bias i32[O], multiplier f32[O], residual i8[N,H',W',O]?)
// -> i8[N,H',W',O]. The exact sum bias + w * (x - input_zero), padding counting 0, times the channel's
// multiplier; then, of the residual, + (residual - other_zero) * other_scale; then the code of that. All
// after the sum in f32. With dtype=f32 the result is the product with the multiplier itself, no code, and
// there is no residual.
#include "ops/definitions.h"
#include "ops/quantized.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {kStridesAttr,
                              kDilationsAttr,
                              kPadsAttr,
                              kInputZeroAttr,
                              kZeroAttr,
                              kLowAttr,
                              kHighAttr,
                              {Attr::other_zero, AttrType::Int},
                              {Attr::other_scale, AttrType::Float},
                              {Attr::dtype, AttrType::DType}};

Result<void> infer(const InferContext& context) {
  TRY(expect_image_and_kernel(context, 2, DType::I8));
  const Shape& x = context.shape(0);
  const Shape& w = context.shape(1);
  TRY(expect_requantisation(context, w[3], int64_t{w[0]} * w[1] * w[2]));
  TRY_ASSIGN(const Window window, make_window(context.node.attrs, x, w[0], w[1]));
  const DType result = context.node.attrs.get_dtype(Attr::dtype, DType::I8);
  if (result != DType::I8 && (result != DType::F32 || context.input_count() > 4))
    return fail(ErrorCode::InvalidAttribute, "the result can be i8, or f32 where there is no residual");
  TRY(context.set_output(result, Shape{x[0], window.y.output, window.x.output, w[3]}));
  if (context.input_count() < 5) return {};
  TRY(expect_type(context, 4, "the residual", DType::I8, -1));
  if (!(context.shape(4) == context.outputs[0]->shape))
    return fail(ErrorCode::ShapeMismatch, "the residual has shape %s, the result %s",
                context.shape(4).to_string().c_str(), context.outputs[0]->shape.to_string().c_str());
  return {};
}

void reference(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const TensorView& w = context.inputs[1];
  const int32_t* bias = context.inputs[2].as<int32_t>();
  const float* multiplier = context.inputs[3].as<float>();
  const int8_t* residual = context.inputs.size() > 4 ? context.inputs[4].as<int8_t>() : nullptr;
  const Attrs& attrs = context.attrs;
  const CodeRange range = code_range(attrs);
  const auto input_zero = static_cast<int32_t>(attrs.get_int(Attr::input_zero, 0));
  const auto residual_zero = static_cast<int32_t>(attrs.get_int(Attr::other_zero, 0));
  const float residual_scale = attrs.get_float(Attr::other_scale, 1);
  const Window window = window_of(attrs, x.shape, w.shape[0], w.shape[1]);
  const int32_t channels = x.shape[3], filters = w.shape[3];
  const bool is_f32 = context.outputs[0].dtype == DType::F32;
  int64_t at = 0;
  for (int32_t n = 0; n < x.shape[0]; ++n)
    for (int32_t oy = 0; oy < window.y.output; ++oy)
      for (int32_t ox = 0; ox < window.x.output; ++ox)
        for (int32_t o = 0; o < filters; ++o) {
          int32_t sum = bias[o];
          for_each_tap(window, n, oy, ox, [&](int64_t pixel, int64_t tap) {
            for (int32_t c = 0; c < channels; ++c)
              sum += w.as<int8_t>()[(tap * channels + c) * filters + o] *
                     (x.as<int8_t>()[pixel * channels + c] - input_zero);
          });
          float value = static_cast<float>(sum) * multiplier[o];
          if (residual != nullptr) value += static_cast<float>(*residual++ - residual_zero) * residual_scale;
          if (is_f32)
            context.outputs[0].as<float>()[at++] = value;
          else
            context.outputs[0].as<int8_t>()[at++] = to_code(value, range);
        }
}

int64_t macs(const Node& node, const Graph& graph) {
  const Shape& w = graph.value(node.inputs[1]).shape;
  return graph.value(node.outputs[0]).shape.elements() * w[0] * w[1] * w[2];
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: i8[1,5,6,3]
const %w: i8[1,1,3,4] = random(1)
const %b: i32[4] = random(2)
const %m: f32[4] = [0.002, 0.001, 0.003, 0.0005]
%y = quantized_conv2d(%x, %w, %b, %m) {input_zero=10, zero=64}
output %y)",
    R"(input %x: i8[2,7,9,40]
const %w: i8[1,1,40,21] = random(3)
const %b: i32[21] = random(4)
const %m: f32[21] = splat(0.0007)
%y = quantized_conv2d(%x, %w, %b, %m) {input_zero=55, zero=40, low=40, high=120}
output %y)",
    R"(input %x: i8[1,11,10,3]
const %w: i8[3,3,3,8] = random(5)
const %b: i32[8] = random(6)
const %m: f32[8] = splat(0.002)
%y = quantized_conv2d(%x, %w, %b, %m) {strides=[2,2], pads=[0,1,0,1], input_zero=127}
output %y)",
    R"(input %x: i8[1,6,6,16]
input %r: i8[1,6,6,32]
const %w: i8[1,1,16,32] = random(7)
const %b: i32[32] = random(8)
const %m: f32[32] = splat(0.0011)
%y = quantized_conv2d(%x, %w, %b, %m, %r) {input_zero=3, zero=70, other_zero=61, other_scale=0.83}
output %y)",
    R"(input %x: i8[1,12,12,6]
const %w: i8[3,3,6,7] = random(9)
const %b: i32[7] = random(10)
const %m: f32[7] = splat(0.001)
%y = quantized_conv2d(%x, %w, %b, %m) {dilations=[2,3], pads=[2,2,3,3], input_zero=90, zero=12}
output %y)",
    R"(input %x: i8[1,1,1,130]
const %w: i8[1,1,130,77] = random(11)
const %b: i32[77] = random(12)
const %m: f32[77] = splat(0.0004)
%y = quantized_conv2d(%x, %w, %b, %m) {input_zero=64, zero=64}
output %y)",
    R"(input %x: i8[3,1,1,130]
const %w: i8[1,1,130,77] = random(11)
const %b: i32[77] = random(12)
const %m: f32[77] = splat(0.0004)
%y = quantized_conv2d(%x, %w, %b, %m) {input_zero=64, dtype=f32}
output %y)",
    R"(input %x: i8[1,6,6,8]
const %w: i8[1,1,8,8] = random(13)
const %b: i32[8] = random(14)
const %m: f32[8] = splat(0.003)
%y = quantized_conv2d(%x, %w, %b, %m) {strides=[2,2], input_zero=8, zero=30}
output %y)",
    R"(input %x: i8[1,5,7,10]
input %r: i8[1,5,7,21]
const %w: i8[1,1,10,21] = random(15)
const %b: i32[21] = random(16)
const %m: f32[21] = splat(0.0013)
%y = quantized_conv2d(%x, %w, %b, %m, %r) {input_zero=77, zero=33, low=20, other_zero=12, other_scale=-0.61}
output %y)",
    R"(input %x: i8[1,13,5,5]
const %w: i8[1,1,5,83] = random(17)
const %b: i32[83] = random(18)
const %m: f32[83] = splat(0.0017)
%y = quantized_conv2d(%x, %w, %b, %m) {input_zero=31, zero=64}
output %y)",
    R"(input %x: i8[2,9,8,5]
const %w: i8[5,3,5,10] = random(19)
const %b: i32[10] = random(20)
const %m: f32[10] = splat(0.0008)
%y = quantized_conv2d(%x, %w, %b, %m) {strides=[2,1], pads=[2,2,1,1], input_zero=99, zero=50}
output %y)",
    // Residuals in place, and a last block of one, two and three rows.
    R"(input %x: i8[1,3,3,16]
input %f: f32[1,3,3,112]
const %w: i8[1,1,16,112] = random(19)
const %b: i32[112] = random(20)
const %m: f32[112] = splat(0.0012)
%r = quantize(%f) {scale=0.03, zero=60}
%y = quantized_conv2d(%x, %w, %b, %m, %r) {input_zero=40, zero=50, other_zero=60, other_scale=0.9}
output %y)",
    R"(input %x: i8[1,2,3,16]
input %f: f32[1,2,3,112]
const %w: i8[1,1,16,112] = random(21)
const %b: i32[112] = random(22)
const %m: f32[112] = splat(0.0012)
%r = quantize(%f) {scale=0.03, zero=60}
%y = quantized_conv2d(%x, %w, %b, %m, %r) {input_zero=40, zero=50, other_zero=60, other_scale=0.9}
output %y)",
    R"(input %x: i8[1,1,7,16]
input %f: f32[1,1,7,112]
const %w: i8[1,1,16,112] = random(23)
const %b: i32[112] = random(24)
const %m: f32[112] = splat(0.0012)
%r = quantize(%f) {scale=0.03, zero=60}
%y = quantized_conv2d(%x, %w, %b, %m, %r) {input_zero=40, zero=50, other_zero=60, other_scale=0.9}
output %y)",
};

}  // namespace

constinit const OpDef k_quantized_conv2d{
    "quantized_conv2d", 4, 5, 1, kAttrs, kTraitNone, 0, infer, reference, macs, LINNET_CASES(kCases)};

}  // namespace linnet

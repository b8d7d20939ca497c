// quantized_add(a i8, b i8) -> i8 of the same shape: the code of (a - input_zero) * input_scale + (b -
// other_zero) * other_scale in f32, where the scales are relative to the result's.
#include "ops/definitions.h"
#include "ops/quantized.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {kInputZeroAttr,
                              {Attr::input_scale, AttrType::Float, true},
                              {Attr::other_zero, AttrType::Int},
                              {Attr::other_scale, AttrType::Float, true},
                              kZeroAttr,
                              kLowAttr,
                              kHighAttr};

Result<void> infer(const InferContext& context) {
  TRY(expect_type(context, 0, "the first operand", DType::I8, -1));
  TRY(expect_type(context, 1, "the second operand", DType::I8, -1));
  if (!(context.shape(0) == context.shape(1)))
    return fail(ErrorCode::ShapeMismatch, "operands %s and %s differ in shape",
                context.shape(0).to_string().c_str(), context.shape(1).to_string().c_str());
  TRY(expect_codes(context.node.attrs));
  return context.set_output(DType::I8, context.shape(0));
}

void reference(const ReferenceContext& context) {
  const Attrs& attrs = context.attrs;
  const int8_t* a = context.inputs[0].as<int8_t>();
  const int8_t* b = context.inputs[1].as<int8_t>();
  const CodeRange range = code_range(attrs);
  const int64_t a_zero = attrs.get_int(Attr::input_zero, 0), b_zero = attrs.get_int(Attr::other_zero, 0);
  const float a_scale = attrs.get_float(Attr::input_scale, 1),
              b_scale = attrs.get_float(Attr::other_scale, 1);
  for (int64_t i = 0; i < context.inputs[0].elements(); ++i) {
    const float first = static_cast<float>(a[i] - a_zero) * a_scale;
    const float second = static_cast<float>(b[i] - b_zero) * b_scale;
    context.outputs[0].as<int8_t>()[i] = to_code(first + second, range);
  }
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %a: i8[1,5,7,19]
input %b: i8[1,5,7,19]
%y = quantized_add(%a, %b) {input_zero=60, input_scale=0.7, other_zero=3, other_scale=0.41, zero=50}
output %y)",
    R"(input %a: i8[4,32]
input %b: i8[4,32]
%y = quantized_add(%a, %b) {input_scale=0.5, other_scale=-0.5, zero=20, low=20, high=40}
output %y)",
};

}  // namespace

constinit const OpDef k_quantized_add{
    "quantized_add", 2, 2, 1, kAttrs, kTraitNone, 0, infer, reference, nullptr, LINNET_CASES(kCases)};

}  // namespace linnet

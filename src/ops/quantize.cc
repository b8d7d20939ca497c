// quantize(x f32) -> codes i8 of the same shape: code = clamp(round_half_even(x / scale) + zero), where x /
// scale is the product with the f32 reciprocal of scale.
#include "ops/definitions.h"
#include "ops/quantized.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {kScaleAttr, kZeroAttr};

Result<void> infer(const InferContext& context) {
  TRY(expect_f32(context, 0, "the input", -1));
  TRY(expect_codes(context.node.attrs));
  return context.set_output(DType::I8, context.shape(0));
}

void reference(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const CodeRange range = code_range(context.attrs);
  const float inverse = 1 / context.attrs.get_float(Attr::scale, 1);
  for (int64_t i = 0; i < x.elements(); ++i)
    context.outputs[0].as<int8_t>()[i] = to_code(x.as<float>()[i] * inverse, range);
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[3,37]
%y = quantize(%x) {scale=0.0125, zero=60}
output %y)",
    R"(input %x: f32[1,5,6,8]
%y = quantize(%x) {scale=0.007}
output %y)",
};

}  // namespace

constinit const OpDef k_quantize{
    "quantize", 1, 1, 1, kAttrs, kTraitNone, 0, infer, reference, nullptr, LINNET_CASES(kCases)};

}  // namespace linnet

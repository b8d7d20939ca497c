// dequantize(x i8) -> f32 of the same shape: scale * (code - zero).
#include "ops/definitions.h"
#include "ops/quantized.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {kScaleAttr, kZeroAttr};

Result<void> infer(const InferContext& context) {
  TRY(expect_type(context, 0, "the input", DType::I8, -1));
  TRY(expect_codes(context.node.attrs));
  return context.set_output(DType::F32, context.shape(0));
}

void reference(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const Quantization quantization = quantization_of(context.attrs);
  for (int64_t i = 0; i < x.elements(); ++i)
    context.outputs[0].as<float>()[i] =
        static_cast<float>(x.as<int8_t>()[i] - quantization.zero_point) * quantization.scale;
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: i8[3,37]
%y = dequantize(%x) {scale=0.0125, zero=60}
output %y)",
};

}  // namespace

constinit const OpDef k_dequantize{
    "dequantize", 1, 1, 1, kAttrs, kTraitNone, 0, infer, reference, nullptr, LINNET_CASES(kCases)};

}  // namespace linnet

// softmax(x[..,C]) over the last axis, shifted by the maximum.
#include "base/scalar_math.h"
#include "ops/definitions.h"
#include "ops/window.h"

namespace linnet {

namespace {

Result<void> infer(const InferContext& context) {
  TRY(expect_f32(context, 0, "the input", -1));
  if (context.shape(0).rank() == 0)
    return fail(ErrorCode::ShapeMismatch, "the input has no dimension to normalise");
  return context.set_output(DType::F32, context.shape(0));
}

void reference(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const int64_t channels = x.shape.back();
  const int64_t rows = channels > 0 ? x.elements() / channels : 0;
  for (int64_t row = 0; row < rows; ++row) {
    const float* in = x.as<float>() + row * channels;
    float* out = context.outputs[0].as<float>() + row * channels;
    float highest = in[0];
    for (int64_t i = 1; i < channels; ++i) highest = in[i] > highest ? in[i] : highest;
    double sum = 0;
    for (int64_t i = 0; i < channels; ++i)
      sum += scalar_exp(static_cast<double>(in[i]) - static_cast<double>(highest));
    for (int64_t i = 0; i < channels; ++i)
      out[i] =
          static_cast<float>(scalar_exp(static_cast<double>(in[i]) - static_cast<double>(highest)) / sum);
  }
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[1,1000]
%y = softmax(%x)
output %y)",
    R"(input %x: f32[5,9,100]
%y = softmax(%x)
output %y)",
    R"(input %x: f32[3,2,7]
%y = softmax(%x)
output %y)",
};

}  // namespace

constinit const OpDef k_softmax{
    "softmax", 1, 1, 1, {}, kTraitNone, 1e-5f, infer, reference, nullptr, LINNET_CASES(kCases)};

}  // namespace linnet

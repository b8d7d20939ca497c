// batch_norm(x[..,C], gamma[C], beta[C], mean[C], variance[C]) -> x's shape: inference form,
// (x - mean) * gamma / sqrt(variance + epsilon) + beta.
#include <cmath>

#include "ops/definitions.h"
#include "ops/window.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {{Attr::epsilon, AttrType::Float, true}};

Result<void> infer(const InferContext& context) {
  TRY(expect_f32(context, 0, "the input", -1));
  const Shape& x = context.shape(0);
  if (x.rank() == 0) return fail(ErrorCode::ShapeMismatch, "the input has no channel dimension");
  static constexpr const char* kNames[] = {"", "gamma", "beta", "the mean", "the variance"};
  for (int i = 1; i < 5; ++i) {
    TRY(expect_f32(context, i, kNames[i], 1));
    if (context.shape(i)[0] != x.back())
      return fail(ErrorCode::ShapeMismatch, "%s has shape %s, the input has %d channels", kNames[i],
                  context.shape(i).to_string().c_str(), x.back());
  }
  return context.set_output(DType::F32, x);
}

void reference(const ReferenceContext& context) {
  const double epsilon = static_cast<double>(context.attrs.get_float(Attr::epsilon, 0));
  const TensorView& x = context.inputs[0];
  const auto at = [&](size_t input, int64_t i) {
    return static_cast<double>(context.inputs[input].as<float>()[i]);
  };
  const int64_t count = x.elements(), channels = x.shape.back();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t c = i % channels;
    context.outputs[0].as<float>()[i] =
        static_cast<float>((at(0, i) - at(3, c)) * at(1, c) / std::sqrt(at(4, c) + epsilon) + at(2, c));
  }
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[2,3,4,5]
const %gamma: f32[5] = [1, 0.5, -2, 1.5, 0.1]
const %beta: f32[5] = random(1)
const %mean: f32[5] = random(2)
const %variance: f32[5] = [0.5, 1, 2, 0.01, 3]
%y = batch_norm(%x, %gamma, %beta, %mean, %variance) {epsilon=0.001}
output %y)",
};

}  // namespace

constinit const OpDef k_batch_norm{
    "batch_norm", 5, 5, 1, kAttrs, kTraitNone, 1e-5f, infer, reference, nullptr, LINNET_CASES(kCases)};

}  // namespace linnet

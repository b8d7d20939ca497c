// layer_norm(x[..,C], gamma[C], beta[C]) over the last axis, mode layer: gamma * (x - mean) / sqrt(variance +
// epsilon)
// + beta (Ba et al. 2016); mode rms: gamma * x / sqrt(mean of x^2 + epsilon) + beta (Zhang and Sennrich
// 2019).
#include <cmath>

#include "ops/definitions.h"
#include "ops/window.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {{Attr::mode, AttrType::String, true}, {Attr::epsilon, AttrType::Float, true}};

Result<void> infer(const InferContext& context) {
  TRY(expect_f32(context, 0, "the input", -1));
  const Shape& x = context.shape(0);
  if (x.rank() == 0) return fail(ErrorCode::ShapeMismatch, "the input has no dimension to normalise");
  for (int i = 1; i < 3; ++i) {
    TRY(expect_f32(context, i, i == 1 ? "gamma" : "beta", 1));
    if (context.shape(i)[0] != x.back())
      return fail(ErrorCode::ShapeMismatch, "gamma and beta need %lld elements, as the last axis of %s",
                  static_cast<long long>(x.back()), x.to_string().c_str());
  }
  const std::string_view mode = context.node.attrs.get_string(Attr::mode, "");
  if (mode != "layer" && mode != "rms")
    return fail(ErrorCode::InvalidAttribute, "there is no norm '%.*s'", static_cast<int>(mode.size()),
                mode.data());
  return context.set_output(DType::F32, x);
}

void reference(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const auto* gamma = context.inputs[1].as<float>();
  const auto* beta = context.inputs[2].as<float>();
  const bool centre = context.attrs.get_string(Attr::mode, "") == "layer";
  const auto epsilon = static_cast<double>(context.attrs.get_float(Attr::epsilon, 0));
  const int64_t columns = x.shape.back(), rows = columns > 0 ? x.elements() / columns : 0;
  for (int64_t row = 0; row < rows; ++row) {
    const float* in = x.as<float>() + row * columns;
    float* out = context.outputs[0].as<float>() + row * columns;
    double mean = 0, squares = 0;
    if (centre) {
      for (int64_t c = 0; c < columns; ++c) mean += static_cast<double>(in[c]);
      mean /= static_cast<double>(columns);
    }
    for (int64_t c = 0; c < columns; ++c) {
      const double difference = static_cast<double>(in[c]) - mean;
      squares += difference * difference;
    }
    const double scale = 1 / std::sqrt(squares / static_cast<double>(columns) + epsilon);
    for (int64_t c = 0; c < columns; ++c)
      out[c] =
          static_cast<float>((static_cast<double>(in[c]) - mean) * scale * static_cast<double>(gamma[c]) +
                             static_cast<double>(beta[c]));
  }
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[2,3,37]
const %gamma: f32[37] = random(1)
const %beta: f32[37] = random(2)
%y = layer_norm(%x, %gamma, %beta) {mode=layer, epsilon=0.001}
output %y)",
    R"(input %x: f32[5,64]
const %gamma: f32[64] = random(1)
const %beta: f32[64] = random(2)
%y = layer_norm(%x, %gamma, %beta) {mode=rms, epsilon=0.00001}
output %y)",
    R"(input %x: f32[50,768]
const %gamma: f32[768] = random(1)
const %beta: f32[768] = random(2)
%y = layer_norm(%x, %gamma, %beta) {mode=layer, epsilon=0.00001}
output %y)",
    R"(input %x: f32[3,1025]
const %gamma: f32[1025] = random(1)
const %beta: f32[1025] = random(2)
%y = layer_norm(%x, %gamma, %beta) {mode=rms, epsilon=0.001}
output %y)",
    // Far from zero sums of squares would leave no digits to the variance.
    R"(input %x: f32[2,2,301]
const %gamma: f32[301] = random(1)
const %beta: f32[301] = random(2)
%z = elementwise(%x) {expr=add($0, 50)}
%y = layer_norm(%z, %gamma, %beta) {mode=layer, epsilon=0.000001}
output %y)",
    R"(input %x: f32[4,3]
const %gamma: f32[3] = random(1)
const %beta: f32[3] = random(2)
%y = layer_norm(%x, %gamma, %beta) {mode=layer, epsilon=0.001}
output %y)",
};

}  // namespace

constinit const OpDef k_layer_norm{
    "layer_norm", 3, 3, 1, kAttrs, kTraitNone, 1e-5f, infer, reference, nullptr, LINNET_CASES(kCases)};

}  // namespace linnet

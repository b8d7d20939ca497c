#include "ops/quantized.h"

#include <cmath>

namespace linnet {

namespace {

constexpr Attr kCodeAttrs[] = {Attr::zero, Attr::low, Attr::high, Attr::input_zero, Attr::other_zero};
constexpr Attr kScaleAttrs[] = {Attr::scale, Attr::input_scale, Attr::other_scale};

}  // namespace

CodeRange code_range(const Attrs& attrs) {
  return {static_cast<int32_t>(attrs.get_int(Attr::zero, 0)),
          static_cast<int32_t>(attrs.get_int(Attr::low, 0)),
          static_cast<int32_t>(attrs.get_int(Attr::high, kMaxCode))};
}

Quantization quantization_of(const Attrs& attrs) {
  return {attrs.get_float(Attr::scale, 1), static_cast<int32_t>(attrs.get_int(Attr::zero, 0))};
}

Result<void> expect_codes(const Attrs& attrs) {
  for (Attr key : kCodeAttrs) {
    const int64_t code = attrs.get_int(key, 0);
    if (code < 0 || code > kMaxCode)
      return fail(ErrorCode::InvalidAttribute, "%s is %lld, must be a code from 0 to %d", attr_name(key),
                  static_cast<long long>(code), kMaxCode);
  }
  const CodeRange range = code_range(attrs);
  if (range.low > range.high)
    return fail(ErrorCode::InvalidAttribute, "low %d is above high %d", range.low, range.high);
  for (Attr key : kScaleAttrs) {
    const float scale = attrs.get_float(key, 1);
    if (!std::isfinite(scale) || !std::isfinite(1 / scale))
      return fail(ErrorCode::InvalidAttribute, "%s is %g, must be finite and not 0", attr_name(key),
                  static_cast<double>(scale));
  }
  return {};
}

Result<void> expect_depth(int64_t depth) {
  if (depth <= kMaxCodeDepth) return {};
  return fail(ErrorCode::TooLarge, "sums of %lld products do not fit 32 bits, %lld do",
              static_cast<long long>(depth), static_cast<long long>(kMaxCodeDepth));
}

Result<void> expect_requantisation(const InferContext& context, int32_t channels, int64_t depth) {
  TRY(expect_type(context, 2, "the bias", DType::I32, -1));
  TRY(expect_type(context, 3, "the multiplier", DType::F32, -1));
  for (int i : {2, 3})
    if (context.shape(i).rank() != 1 || context.shape(i)[0] != channels)
      return fail(ErrorCode::ShapeMismatch, "%s has shape %s, must have %d channels",
                  i == 2 ? "the bias" : "the multiplier", context.shape(i).to_string().c_str(), channels);
  TRY(expect_depth(depth));
  return expect_codes(context.node.attrs);
}

}  // namespace linnet

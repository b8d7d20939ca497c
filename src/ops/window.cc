#include "ops/window.h"

namespace linnet {

namespace {

constexpr int64_t kMaxWindow = 1 << 15;

int64_t entry(const Attrs& attrs, Attr key, size_t index, int64_t fallback) {
  const std::span<const int64_t> values = attrs.get_ints(key);
  return index < values.size() ? values[index] : fallback;
}

Result<WindowAxis> make_axis(const Attrs& attrs, size_t axis, int32_t input, int32_t kernel) {
  const int64_t stride = entry(attrs, Attr::strides, axis, 1);
  const int64_t dilation = entry(attrs, Attr::dilations, axis, 1);
  const int64_t before = entry(attrs, Attr::pads, 2 * axis, 0);
  const int64_t after = entry(attrs, Attr::pads, 2 * axis + 1, 0);
  const auto in_range = [](int64_t value, int64_t low) { return value >= low && value <= kMaxWindow; };
  if (!in_range(kernel, 1) || !in_range(stride, 1) || !in_range(dilation, 1) || !in_range(before, 0) ||
      !in_range(after, 0))
    return fail(ErrorCode::InvalidAttribute,
                "kernel %d, stride %lld, dilation %lld and pads %lld, %lld are out of range", kernel,
                static_cast<long long>(stride), static_cast<long long>(dilation),
                static_cast<long long>(before), static_cast<long long>(after));
  WindowAxis result{input,
                    kernel,
                    static_cast<int32_t>(stride),
                    static_cast<int32_t>(dilation),
                    static_cast<int32_t>(before),
                    static_cast<int32_t>(after),
                    0};
  const int64_t room = input + before + after - ((kernel - 1) * dilation + 1);
  if (room < 0)
    return fail(ErrorCode::ShapeMismatch,
                "a window of %d (dilation %d) does not fit an input of %d with padding %d", kernel,
                result.dilation, input, result.pad_before + result.pad_after);
  result.output = static_cast<int32_t>(room / stride + 1);
  return result;
}

}  // namespace

Result<Window> make_window(const Attrs& attrs, const Shape& input, int32_t kernel_y, int32_t kernel_x) {
  Window window;
  TRY_ASSIGN(window.y, make_axis(attrs, 0, input[1], kernel_y));
  TRY_ASSIGN(window.x, make_axis(attrs, 1, input[2], kernel_x));
  return window;
}

Window window_of(const Attrs& attrs, const Shape& input, int32_t kernel_y, int32_t kernel_x) {
  auto window = make_window(attrs, input, kernel_y, kernel_x);
  CHECK(window.has_value());
  return *window;
}

Result<void> expect_type(const InferContext& context, int index, const char* what, DType dtype, int rank) {
  if (context.dtype(index) != dtype)
    return fail(ErrorCode::TypeMismatch, "%s is %s, must be %s", what, dtype_name(context.dtype(index)),
                dtype_name(dtype));
  if (rank >= 0 && context.shape(index).rank() != rank)
    return fail(ErrorCode::ShapeMismatch, "%s has shape %s, must have %d dimensions", what,
                context.shape(index).to_string().c_str(), rank);
  return {};
}

Result<void> expect_f32(const InferContext& context, int index, const char* what, int rank) {
  return expect_type(context, index, what, DType::F32, rank);
}

Result<void> expect_f32_or_codes(const InferContext& context, int index, int rank) {
  return expect_type(context, index, "the input", context.dtype(index) == DType::I8 ? DType::I8 : DType::F32,
                     rank);
}

Result<void> expect_image_and_kernel(const InferContext& context, int channel_axis, DType dtype) {
  TRY(expect_type(context, 0, "the input", dtype, 4));
  TRY(expect_type(context, 1, "the kernel", dtype, 4));
  const Shape& x = context.shape(0);
  const Shape& w = context.shape(1);
  if (w[channel_axis] != x[3])
    return fail(ErrorCode::ShapeMismatch, "kernel %s does not fit input %s: input channels differ",
                w.to_string().c_str(), x.to_string().c_str());
  return {};
}

Result<void> expect_bias(const InferContext& context, int index, int32_t channels) {
  if (context.input_count() <= index) return {};
  TRY(expect_f32(context, index, "bias", 1));
  if (context.shape(index)[0] != channels)
    return fail(ErrorCode::ShapeMismatch, "bias has shape %s, must have %d channels",
                context.shape(index).to_string().c_str(), channels);
  return {};
}

}  // namespace linnet

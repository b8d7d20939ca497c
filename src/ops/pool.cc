#include "ops/pool.h"

namespace linnet {

Result<void> infer_pool(const InferContext& context) {
  TRY(expect_f32_or_codes(context, 0, 4));
  const Shape& x = context.shape(0);
  const std::span<const int64_t> kernel = context.node.attrs.get_ints(Attr::kernel);
  for (int64_t size : kernel)
    if (size < 1 || size > (1 << 15))
      return fail(ErrorCode::InvalidAttribute, "kernel size %lld is out of range",
                  static_cast<long long>(size));
  TRY_ASSIGN(const Window window, make_window(context.node.attrs, x, static_cast<int32_t>(kernel[0]),
                                              static_cast<int32_t>(kernel[1])));
  // Every window then covers at least one pixel, so that averages and maxima exist.
  for (const WindowAxis& axis : {window.y, window.x})
    if (axis.pad_before >= axis.kernel || axis.pad_after >= axis.kernel)
      return fail(ErrorCode::InvalidAttribute, "padding %d, %d must be smaller than the kernel %d",
                  axis.pad_before, axis.pad_after, axis.kernel);
  return context.set_output(context.dtype(0), Shape{x[0], window.y.output, window.x.output, x[3]});
}

Window pool_window(const Attrs& attrs, const Shape& input) {
  const std::span<const int64_t> kernel = attrs.get_ints(Attr::kernel);
  return window_of(attrs, input, static_cast<int32_t>(kernel[0]), static_cast<int32_t>(kernel[1]));
}

}  // namespace linnet

// The geometry that convolutions and pools share: a window sliding over the two inner spatial axes of NHWC.
#pragma once

#include "graph/op_def.h"

namespace linnet {

// One spatial axis of a sliding window.
struct WindowAxis {
  int32_t input;
  int32_t kernel;
  int32_t stride;
  int32_t dilation;
  int32_t pad_before;
  int32_t pad_after;
  int32_t output;

  int32_t extent() const { return (kernel - 1) * dilation + 1; }
};

struct Window {
  WindowAxis y, x;
};

// Reads {strides, dilations, pads} with their defaults (1, 1, 0) and checks them. `input` is NHWC.
// pads = [top, bottom, left, right]. Fails when an attribute is out of range or the window does not fit.
Result<Window> make_window(const Attrs& attrs, const Shape& input, int32_t kernel_y, int32_t kernel_x);
// The same for attributes and shapes that the shape rule has accepted.
Window window_of(const Attrs& attrs, const Shape& input, int32_t kernel_y, int32_t kernel_x);

// Calls `visit(pixel, tap)` for each tap of the window of output pixel (oy, ox) of image `n` that lies inside
// the input: the number of its pixel, counted over all images, and the tap's.
template <class Visit>
void for_each_tap(const Window& window, int32_t n, int32_t oy, int32_t ox, Visit visit) {
  for (int32_t ky = 0; ky < window.y.kernel; ++ky)
    for (int32_t kx = 0; kx < window.x.kernel; ++kx) {
      const int32_t iy = oy * window.y.stride - window.y.pad_before + ky * window.y.dilation;
      const int32_t ix = ox * window.x.stride - window.x.pad_before + kx * window.x.dilation;
      if (iy < 0 || iy >= window.y.input || ix < 0 || ix >= window.x.input) continue;
      visit((int64_t{n} * window.y.input + iy) * window.x.input + ix, int64_t{ky} * window.x.kernel + kx);
    }
}

// The attributes of a window, for op schemas.
inline constexpr AttrDef kStridesAttr{Attr::strides, AttrType::Ints, false, 2};
inline constexpr AttrDef kDilationsAttr{Attr::dilations, AttrType::Ints, false, 2};
inline constexpr AttrDef kPadsAttr{Attr::pads, AttrType::Ints, false, 4};

// Fails unless operand `index` is of this type and has `rank` dimensions (-1: any).
Result<void> expect_type(const InferContext& context, int index, const char* what, DType dtype, int rank);
// The same for f32.
Result<void> expect_f32(const InferContext& context, int index, const char* what, int rank);
// The same for an input that is f32 or i8.
Result<void> expect_f32_or_codes(const InferContext& context, int index, int rank);
// Fails unless operands 0 and 1 are an image [N,H,W,C] and a kernel of four dimensions, of this type, and the
// kernel's `channel_axis` has the image's channels.
Result<void> expect_image_and_kernel(const InferContext& context, int channel_axis, DType dtype = DType::F32);
// Fails unless the optional bias, operand `index`, is f32[channels].
Result<void> expect_bias(const InferContext& context, int index, int32_t channels);

}  // namespace linnet

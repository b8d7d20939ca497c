#include "backends/gpu/lower/window_text.h"

namespace linnet::gpu {

void add_window(Kernel& kernel, const Window& window, const Shape& x, const Shape& y) {
  kernel.param("channels", static_cast<uint32_t>(x[3]));
  kernel.param("out_channels", static_cast<uint32_t>(y[3]));
  kernel.param("out_h", static_cast<uint32_t>(y[1]));
  kernel.param("out_w", static_cast<uint32_t>(y[2]));
  kernel.param_i32("in_h", x[1]);
  kernel.param_i32("in_w", x[2]);
  kernel.param_i32("kernel_y", window.y.kernel);
  kernel.param_i32("kernel_x", window.x.kernel);
  kernel.param_i32("stride_y", window.y.stride);
  kernel.param_i32("stride_x", window.x.stride);
  kernel.param_i32("dilation_y", window.y.dilation);
  kernel.param_i32("dilation_x", window.x.dilation);
  kernel.param_i32("pad_top", window.y.pad_before);
  kernel.param_i32("pad_left", window.x.pad_before);
}

}  // namespace linnet::gpu

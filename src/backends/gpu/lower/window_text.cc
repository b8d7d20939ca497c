#include "backends/gpu/lower/window_text.h"

#include "backends/gpu/product.h"

namespace linnet::gpu {

void add_window(Kernel& kernel, const Window& window, const Shape& x, const Shape& y) {
  kernel.param("channels", static_cast<uint32_t>(x[3]));
  kernel.param("out_channels", static_cast<uint32_t>(y[3]));
  add_window_params(kernel, window, x, y);
}

}  // namespace linnet::gpu

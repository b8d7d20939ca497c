// What the flat kernels of convolutions and pools share: a result element's pixel, and the walk over its
// window.
#pragma once

#include "backends/gpu/kernel.h"
#include "ops/window.h"

namespace linnet::gpu {

// Declares the parameters of a window from images x to y, both NHWC.
void add_window(Kernel& kernel, const Window& window, const Shape& x, const Shape& y);

// Text that splits element e of the result into channel `c`, `ox`, `oy` and image `n`.
inline constexpr char kSplitPixel[] = R"(  @u32 c = e % P.out_channels;
  @u32 pixel = e / P.out_channels;
  @i32 ox = i32(pixel % P.out_w);
  pixel = pixel / P.out_w;
  @i32 oy = i32(pixel % P.out_h);
  @u32 n = pixel / P.out_h;
)";

// Text that runs what follows for each tap (ky, kx) inside the input, at pixel `at` of all images; close with
// kEndTaps.
inline constexpr char kForTaps[] = R"(  for (@i32 ky = 0; ky < P.kernel_y; ky++) {
    @i32 iy = oy * P.stride_y - P.pad_top + ky * P.dilation_y;
    if (iy < 0 || iy >= P.in_h) { continue; }
    for (@i32 kx = 0; kx < P.kernel_x; kx++) {
      @i32 ix = ox * P.stride_x - P.pad_left + kx * P.dilation_x;
      if (ix < 0 || ix >= P.in_w) { continue; }
      @u32 at = (n * u32(P.in_h) + u32(iy)) * u32(P.in_w) + u32(ix);
)";
inline constexpr char kEndTaps[] = "    }\n  }\n";

}  // namespace linnet::gpu

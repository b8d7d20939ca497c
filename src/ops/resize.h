// Where a bilinear resize reads from, along one axis.
#pragma once

#include "graph/graph.h"

namespace linnet {

// Output `at` is source[low] * (1 - fraction) + source[high] * fraction.
struct ResizeTap {
  int32_t low;
  int32_t high;
  float fraction;
};

// By the node's align_corners and half_pixel_centers.
ResizeTap resize_tap(const Attrs& attrs, int32_t at, int32_t input, int32_t output);

}  // namespace linnet

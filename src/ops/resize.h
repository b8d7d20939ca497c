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

// The fraction as a whole number of 2048ths, as a resize of i8 codes takes it: sums of products then stay
// exact.
inline constexpr int32_t kResizeOne = 2048;
inline int32_t resize_weight(const ResizeTap& tap) {
  return static_cast<int32_t>(tap.fraction * static_cast<float>(kResizeOne) + 0.5f);
}

// By the node's align_corners and half_pixel_centers.
ResizeTap resize_tap(const Attrs& attrs, int32_t at, int32_t input, int32_t output);

}  // namespace linnet

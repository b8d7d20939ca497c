// Random views of images, so that few of them teach more.
#pragma once

#include <cstdint>

#include "graph/type.h"

namespace linnet {

// Fills `view` from `image`, both [1,height,width,channels] in f32 and of one size: a box of 60 to 100 % of
// the image's sides at a random place, stretched to the whole (bilinear), mirrored every other time, with
// contrast and brightness changed by up to a fifth. The same seed gives the same view.
void random_view(const TensorView& image, uint64_t seed, const TensorView& view);

}  // namespace linnet

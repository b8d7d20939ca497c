// Random views of images, so that few of them teach more.
#pragma once

#include <cstdint>

#include "graph/type.h"

namespace linnet {

// Fills `view` from `image`, both [1,height,width,channels] in f32, the image of at least the view's size: a
// box at a random place, at least 60 % of the view's and at most the image's sides, stretched to the view
// (bilinear), mirrored every other time, with contrast and brightness changed by up to a fifth. The same seed
// gives the same view.
void random_view(const TensorView& image, uint64_t seed, const TensorView& view);

// Does the view of this number have a patch? Four of five have.
bool takes_patch(uint64_t seed);
// Copies a box of 10 to 60 % of the area from `other` to the same random place of `view`, both of one size in
// f32 (Yun et al. 2019, CutMix).
void paste_random_patch(const TensorView& other, uint64_t seed, const TensorView& view);

}  // namespace linnet

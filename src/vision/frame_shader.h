// The same preprocessing on a GPU: a WGSL shader that fills a plan's input from a frame or a texture.
#pragma once

#include <cstdint>
#include <string>

#include "vision/preprocess.h"

namespace linnet {

// Invocations of a workgroup in each direction.
inline constexpr uint32_t kFrameTile = 8;

// The text for an input that image_boxes accepts, at byte `place` of the arena; none for codes. It computes
// in whole numbers up to the normalisation, and gives what Preprocessor makes of the same pixels as RGBA.
//
//   group 0: the arena, Tables (frame_tables.h), and scratch of lines * to_width words
//   group 1: the image, a texture_external without alpha or a texture_2d<f32> of premultiplied colours
//
// First `resize` over to_width x lines invocations, which makes lines of the image's rows, then `fill` over
// the input's width x height.
std::string frame_shader(const ImageTarget& input, uint64_t place, bool external);

}  // namespace linnet

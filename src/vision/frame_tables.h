// The same preprocessing on a GPU: tables of one image size for the shader of frame_shader.h.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "vision/preprocess.h"

namespace linnet {

// What the shader's struct Tables opens with, laid out as WGSL does.
struct FrameHeader {
  uint32_t x, y;   // of the pixel that is sample 0 of both axes
  uint32_t lines;  // rows of pixels that are resized horizontally
  uint32_t unused;
  uint32_t to_x, to_y, to_width, to_height;  // the box within the input
  float scale[3];
  uint32_t taps_x;
  float offset[3];
  uint32_t taps_y;
};

// A FrameHeader; the first samples of `to_width` columns and of `to_height` rows; `taps_x` weights for each
// column and `taps_y` for each row, in units of 2^-Axis::kWeightBits. The axes are those of an RGBA image of
// this size. Fails as image_boxes does.
Result<std::vector<uint32_t>> frame_tables(int width, int height, const ImageTarget& target,
                                           const PreprocessSpec& spec);

}  // namespace linnet

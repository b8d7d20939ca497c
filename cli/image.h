// Images from files: JPEG, PNG and WebP.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "vision/preprocess.h"

namespace linnet {

// Rows from the top, four bytes a pixel, without gaps.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> rgba;

  ImageFormat format() const { return {width, height}; }
  ImageView view() const { return packed_view(format(), rgba.data()); }
};

// The picture as a viewer shows it: a JPEG's EXIF orientation is applied, 16-bit PNGs become 8-bit. Fails
// with BadImage: not one of the formats, truncated or damaged, without pixels, animated, more than
// Preprocessor::kMaxSide on a side or 100 million pixels.
Result<Image> decode_image(std::span<const std::byte> bytes);

// Reads and decodes a file or URL. Errors name it.
Result<Image> read_image(const std::string& location);

}  // namespace linnet

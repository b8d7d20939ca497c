// Image files: what decodes has its pixels, all else is an error.
#include <cstddef>
#include <cstdint>

#include "cli/image.h"

using namespace linnet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Result<Image> image = decode_image({reinterpret_cast<const std::byte*>(data), size});
  if (!image) return 0;
  CHECK(image->width > 0 && image->height > 0);
  CHECK(image->rgba.size() == static_cast<size_t>(image->width) * static_cast<size_t>(image->height) * 4);
  return 0;
}

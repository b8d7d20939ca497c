// Preprocessing against its definition, on drawn images: every format, fit, target and odd size.
#pragma once

namespace linnet::tests {

struct ImageCounts {
  int passed = 0, failed = 0;
};

// Prints what fails. Results must be the same to the bit, so that this, on every target, shows that all
// agree.
ImageCounts run_image_cases();

}  // namespace linnet::tests

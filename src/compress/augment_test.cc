#include "compress/augment.h"

#include <gtest/gtest.h>

#include <vector>

namespace linnet {
namespace {

constexpr int32_t kSize = 20;

std::vector<float> view_of(std::vector<float> image, uint64_t seed) {
  const Shape shape{1, kSize, kSize, 1};
  std::vector<float> view(image.size());
  random_view({DType::F32, shape, reinterpret_cast<std::byte*>(image.data())}, seed,
              {DType::F32, shape, reinterpret_cast<std::byte*>(view.data())});
  return view;
}

// Brighter to the right, by 1 a pixel.
std::vector<float> ramp() {
  std::vector<float> image(kSize * kSize);
  for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i % kSize);
  return image;
}

TEST(RandomView, IsTheSameForTheSameSeed) {
  EXPECT_EQ(view_of(ramp(), 3), view_of(ramp(), 3));
  EXPECT_NE(view_of(ramp(), 3), view_of(ramp(), 4));
}

TEST(RandomView, ShowsAPartOfTheImageEitherWayRound) {
  int mirrored = 0;
  for (uint64_t seed = 0; seed < 64; ++seed) {
    const std::vector<float> view = view_of(ramp(), seed);
    const float step = (view[14] - view[5]) / 9;
    mirrored += step < 0;
    // Zoomed by 1 to 1 / 0.6 and a tenth, contrast changed by up to a fifth.
    EXPECT_GE(std::abs(step), 0.6f / 1.1f * 0.8f - 1e-3f);
    EXPECT_LE(std::abs(step), 1.2f + 1e-3f);
    for (size_t x = 1; x < kSize; ++x) EXPECT_GE((view[x] - view[x - 1]) * step, -1e-5f);
    for (size_t x = 0; x < kSize; ++x) EXPECT_NEAR(view[x], view[x + kSize], 1e-4f);
  }
  EXPECT_GT(mirrored, 16);
  EXPECT_LT(mirrored, 48);
}

TEST(RandomView, KeepsOneColourNearlyThatColour) {
  for (float pixel : view_of(std::vector<float>(kSize * kSize, 0.5f), 7)) EXPECT_NEAR(pixel, 0.5f, 1e-5f);
}

}  // namespace
}  // namespace linnet

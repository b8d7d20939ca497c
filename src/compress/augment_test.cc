#include "compress/augment.h"

#include <gtest/gtest.h>

#include <algorithm>
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

TEST(RandomView, CutsASmallerViewFromALargerImage) {
  std::vector<float> image = ramp(), view(100);
  int further = 0;
  for (uint64_t seed = 0; seed < 64; ++seed) {
    random_view({DType::F32, Shape{1, kSize, kSize, 1}, reinterpret_cast<std::byte*>(image.data())}, seed,
                {DType::F32, Shape{1, 10, 10, 1}, reinterpret_cast<std::byte*>(view.data())});
    const float step = std::abs(view[7] - view[2]) / 5;
    // From 0.6 of the image's pixels to a pixel of the view to the whole image, 2 pixels to one.
    EXPECT_GE(step, 0.6f / 1.1f * 0.8f - 1e-3f);
    EXPECT_LE(step, 2.4f + 1e-3f);
    further += step > 1.2f;
  }
  EXPECT_GT(further, 16);
}

TEST(PasteRandomPatch, CopiesOneBoxFromTheSamePlace) {
  const Shape shape{1, kSize, kSize, 1};
  for (uint64_t seed = 0; seed < 32; ++seed) {
    std::vector<float> other = ramp(), view(kSize * kSize, -1);
    paste_random_patch({DType::F32, shape, reinterpret_cast<std::byte*>(other.data())}, seed,
                       {DType::F32, shape, reinterpret_cast<std::byte*>(view.data())});
    int copied = 0, top = kSize, bottom = -1, left = kSize, right = -1;
    for (int y = 0; y < kSize; ++y)
      for (int x = 0; x < kSize; ++x) {
        const float pixel = view[static_cast<size_t>(y * kSize + x)];
        if (pixel == -1) continue;
        EXPECT_EQ(pixel, static_cast<float>(x));
        ++copied;
        top = std::min(top, y), bottom = std::max(bottom, y);
        left = std::min(left, x), right = std::max(right, x);
      }
    EXPECT_EQ(copied, (bottom - top + 1) * (right - left + 1));
    EXPECT_GE(copied, 30);
    EXPECT_LE(copied, 240);
  }
}

TEST(TakesPatch, MostViewsDo) {
  int taken = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) taken += takes_patch(seed);
  EXPECT_GT(taken, 140);
  EXPECT_LT(taken, 185);
}

TEST(RandomView, KeepsOneColourNearlyThatColour) {
  for (float pixel : view_of(std::vector<float>(kSize * kSize, 0.5f), 7)) EXPECT_NEAR(pixel, 0.5f, 1e-5f);
}

}  // namespace
}  // namespace linnet

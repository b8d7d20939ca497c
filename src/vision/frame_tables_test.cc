#include "vision/frame_tables.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "vision/frame_shader.h"

namespace linnet {
namespace {

// What the shader does with the tables, in the same whole numbers.
std::vector<float> by_tables(const std::vector<uint8_t>& rgba, int width, const std::vector<uint32_t>& words,
                             const Shape& shape) {
  FrameHeader header;
  std::memcpy(&header, words.data(), sizeof header);
  const auto& [x0, y0, lines, unused, to_x, to_y, to_width, to_height, scale, taps_x, offset, taps_y] =
      header;
  const uint32_t* first_x = words.data() + sizeof header / sizeof(uint32_t);
  const uint32_t* first_y = first_x + to_width;
  const uint32_t* weights_x = first_y + to_height;
  const uint32_t* weights_y = weights_x + to_width * taps_x;
  EXPECT_EQ(words.data() + words.size(), weights_y + to_height * taps_y);
  const auto byte = [](uint32_t sum) {
    return std::min((sum + (1u << (Axis::kWeightBits - 1))) >> Axis::kWeightBits, 255u);
  };
  std::vector<std::array<uint32_t, 3>> resized(to_width * lines);
  for (uint32_t y = 0; y < lines; ++y) {
    for (uint32_t x = 0; x < to_width; ++x) {
      for (uint32_t c = 0; c < 3; ++c) {
        uint32_t sum = 0;
        for (uint32_t k = 0; k < taps_x; ++k) {
          const uint32_t pixel = (y0 + y) * static_cast<uint32_t>(width) + x0 + first_x[x] + k;
          sum += weights_x[x * taps_x + k] * rgba.at(4 * pixel + c);
        }
        resized[y * to_width + x][c] = byte(sum);
      }
    }
  }
  std::vector<float> out;
  for (int y = 0; y < shape[1]; ++y) {
    for (int x = 0; x < shape[2]; ++x) {
      const uint32_t at_x = static_cast<uint32_t>(x) - to_x, at_y = static_cast<uint32_t>(y) - to_y;
      for (uint32_t c = 0; c < 3; ++c) {
        uint32_t sum = 0;
        if (at_x < to_width && at_y < to_height)
          for (uint32_t k = 0; k < taps_y; ++k)
            sum += weights_y[at_y * taps_y + k] * resized.at((first_y[at_y] + k) * to_width + at_x)[c];
        out.push_back(static_cast<float>(byte(sum)) * scale[c] + offset[c]);
      }
    }
  }
  return out;
}

TEST(FrameTables, GiveWhatThePreprocessorGives) {
  const Shape shape = {1, 9, 14, 3};
  for (const auto& [width, height] : {std::pair(61, 37), {14, 9}, {5, 40}, {1, 1}, {200, 3}}) {
    std::vector<uint8_t> rgba(static_cast<size_t>(width * height) * 4);
    std::minstd_rand random(static_cast<uint32_t>(width));
    for (uint8_t& byte : rgba) byte = static_cast<uint8_t>(random() >> 8);
    for (const Fit fit : {Fit::Crop, Fit::Stretch, Fit::Letterbox}) {
      PreprocessSpec spec{.fit = fit};
      ASSERT_TRUE(normalisation_from_name("imagenet", &spec.normalisation));
      auto preprocessor = Preprocessor::create({width, height}, {DType::F32, shape}, spec);
      ASSERT_TRUE(preprocessor);
      std::vector<float> expected(static_cast<size_t>(shape.elements()));
      preprocessor->run(packed_view({width, height}, rgba.data()),
                        {DType::F32, shape, reinterpret_cast<std::byte*>(expected.data())});
      const auto words = frame_tables(width, height, {DType::F32, shape}, spec);
      ASSERT_TRUE(words);
      EXPECT_EQ(by_tables(rgba, width, *words, shape), expected) << width << " x " << height;
    }
  }
}

TEST(FrameTables, RefuseWhatThePreprocessorRefuses) {
  const ImageTarget image = {DType::F32, {1, 9, 14, 3}};
  EXPECT_EQ(frame_tables(0, 5, image, {}).error().code(), ErrorCode::BadImage);
  EXPECT_EQ(frame_tables(5, 5, {DType::F32, {1, 9, 14, 4}}, {}).error().code(), ErrorCode::ShapeMismatch);
  EXPECT_EQ(frame_tables(5, 5, image, {.crop = 0}).error().code(), ErrorCode::InvalidArgument);
}

TEST(FrameShader, WritesTheInputAtItsPlace) {
  const std::string text = frame_shader({DType::F32, {1, 9, 14, 3}}, 1024, true);
  for (const char* part : {"id.x >= 14 || id.y >= 9", "let e = 256 + (id.y * 14 + id.x) * 3;", "arena[e + 2]",
                           "var image: texture_external;"})
    EXPECT_NE(text.find(part), std::string::npos) << part;
  const std::string grey = frame_shader({DType::I32, {1, 9, 14, 1}}, 0, false);
  EXPECT_NE(grey.find("var image: texture_2d<f32>;"), std::string::npos);
  EXPECT_NE(grey.find("bitcast<u32>(i32("), std::string::npos);
  EXPECT_EQ(grey.find("arena[e +"), std::string::npos);
}

TEST(FrameShader, IsNoneForCodes) {
  EXPECT_EQ(frame_shader({DType::I8, {1, 9, 14, 3}}, 0, true), "");
}

}  // namespace
}  // namespace linnet

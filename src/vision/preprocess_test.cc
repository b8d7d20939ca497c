#include "vision/preprocess.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

namespace linnet {
namespace {

struct Picture {
  int width, height;
  std::vector<uint8_t> rgba;
  Picture(int w, int h, const std::function<int(int x, int y, int channel)>& colour)
      : width(w), height(h), rgba(static_cast<size_t>(w) * static_cast<size_t>(h) * 4) {
    size_t at = 0;
    for (int y = 0; y < h; ++y) {
      for (int x = 0; x < w; ++x) {
        for (int c = 0; c < 4; ++c) rgba[at++] = static_cast<uint8_t>(c == 3 ? 255 : colour(x, y, c));
      }
    }
  }
  ImageView view() const { return packed_view({width, height}, rgba.data()); }
  double at(int x, int y, int c) const {
    return rgba[(static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) * 4 +
                static_cast<size_t>(c)];
  }
};

Picture noise(int width, int height, uint32_t seed) {
  std::minstd_rand random(seed);
  return Picture(width, height, [&](int, int, int) { return static_cast<int>(random() >> 4) & 255; });
}

template <class T = float>
std::vector<T> preprocess(const Picture& picture, Shape shape, const PreprocessSpec& spec) {
  const DType dtype = std::is_same_v<T, float> ? DType::F32 : DType::I32;
  auto preprocessor = Preprocessor::create({picture.width, picture.height}, {dtype, shape}, spec);
  EXPECT_TRUE(preprocessor) << preprocessor.error().detail();
  std::vector<T> out(static_cast<size_t>(shape.elements()), T(-77));
  preprocessor->run(picture.view(), {dtype, shape, reinterpret_cast<std::byte*>(out.data())});
  return out;
}

PreprocessSpec raw(Fit fit, float crop = 1) {
  PreprocessSpec spec;
  spec.fit = fit;
  spec.crop = crop;
  return spec;
}

// One output pixel as one sum over the whole box: the definition, without separation, tables, rings or
// rounding.
double reference(const Picture& picture, int box_x, int box_y, int box_width, int box_height, int out_width,
                 int out_height, int x, int y, int c) {
  const auto tent = [](double distance, double reach) {
    return std::max(0.0, 1 - std::abs(distance) / reach);
  };
  const double scale_x = static_cast<double>(box_width) / out_width;
  const double scale_y = static_cast<double>(box_height) / out_height;
  double sum = 0, weights = 0;
  for (int v = 0; v < box_height; ++v) {
    for (int u = 0; u < box_width; ++u) {
      const double weight = tent(u + 0.5 - (x + 0.5) * scale_x, std::max(1.0, scale_x)) *
                            tent(v + 0.5 - (y + 0.5) * scale_y, std::max(1.0, scale_y));
      sum += weight * picture.at(box_x + u, box_y + v, c);
      weights += weight;
    }
  }
  return sum / weights;
}

TEST(Preprocess, SameSizeCopiesPixels) {
  const Picture picture = noise(9, 6, 1);
  const auto out = preprocess(picture, {1, 6, 9, 3}, raw(Fit::Stretch));
  size_t at = 0;
  for (int y = 0; y < 6; ++y) {
    for (int x = 0; x < 9; ++x) {
      for (int c = 0; c < 3; ++c) EXPECT_EQ(out[at++], picture.at(x, y, c));
    }
  }
}

TEST(Preprocess, CentreCropOfAWholeNumberOfPixelsIsExact) {
  // 0.875 of 256 is 224: what classifiers trained on 256-pixel images are measured with. Odd margins round
  // down.
  const Picture picture = noise(341, 256, 2);
  const auto out = preprocess(picture, {1, 224, 224, 3}, raw(Fit::Crop, 0.875f));
  size_t at = 0;
  for (int y = 0; y < 224; ++y) {
    for (int x = 0; x < 224; ++x) {
      for (int c = 0; c < 3; ++c) ASSERT_EQ(out[at++], picture.at(58 + x, 16 + y, c)) << x << "," << y;
    }
  }
}

TEST(Preprocess, ResizeFollowsTheDefinition) {
  struct Case {
    int width, height, out_width, out_height;
  };
  for (const Case& c : {Case{37, 23, 8, 5}, Case{5, 4, 13, 9}, Case{40, 3, 7, 8}, Case{224, 10, 192, 7},
                        Case{1, 1, 3, 3}, Case{64, 50, 1, 1}, Case{3, 200, 2, 9}}) {
    const Picture picture = noise(c.width, c.height, 3);
    const auto out = preprocess(picture, {1, c.out_height, c.out_width, 3}, raw(Fit::Stretch));
    size_t at = 0;
    for (int y = 0; y < c.out_height; ++y) {
      for (int x = 0; x < c.out_width; ++x) {
        for (int channel = 0; channel < 3; ++channel) {
          const double expected =
              reference(picture, 0, 0, c.width, c.height, c.out_width, c.out_height, x, y, channel);
          // Half a step of 8 bits for each direction.
          ASSERT_NEAR(out[at++], expected, 1.001) << c.width << "x" << c.height << " at " << x << "," << y;
        }
      }
    }
  }
}

TEST(Preprocess, HalvingWeighsEachPixelByTheTentAroundTheCentre) {
  // In the middle a halved line is (1 3 3 1) / 8; at the edge the outer tap falls away: (3 3 1) / 7.
  const Picture picture(8, 1, [](int x, int, int) { return x == 4 ? 80 : x == 0 || x == 7 ? 70 : 0; });
  const auto out = preprocess(picture, {1, 1, 4, 1}, raw(Fit::Stretch));
  EXPECT_NEAR(out[0], 30, 1e-4);
  EXPECT_NEAR(out[1], 10, 1e-4);
  EXPECT_NEAR(out[2], 30, 1e-4);
  EXPECT_NEAR(out[3], 30, 1e-4);
}

TEST(Preprocess, DoublingInterpolates) {
  const Picture picture(2, 1, [](int x, int, int) { return x * 100; });
  const auto out = preprocess(picture, {1, 1, 4, 1}, raw(Fit::Stretch));
  EXPECT_NEAR(out[0], 0, 1e-4);
  EXPECT_NEAR(out[1], 25, 1e-4);
  EXPECT_NEAR(out[2], 75, 1e-4);
  EXPECT_NEAR(out[3], 100, 1e-4);
}

TEST(Preprocess, CropReadsNothingOutsideItsBox) {
  // The box is 10 of 20 pixels; all around it is white and must not bleed in.
  const Picture picture(20, 20,
                        [](int x, int y, int) { return x >= 5 && x < 15 && y >= 5 && y < 15 ? 40 : 255; });
  for (float value : preprocess(picture, {1, 4, 4, 3}, raw(Fit::Crop, 0.5f))) EXPECT_NEAR(value, 40, 1e-3);
}

TEST(Preprocess, CropKeepsTheInputsAspectRatio) {
  // 2:1 of a 30 x 40 image: 30 x 15, from row 12.
  const Picture picture(30, 40, [](int, int y, int) { return y; });
  const auto out = preprocess(picture, {1, 15, 30, 1}, raw(Fit::Crop, 1));
  EXPECT_NEAR(out.front(), 12, 1e-4);
  EXPECT_NEAR(out.back(), 26, 1e-4);
}

TEST(Preprocess, LetterboxCentresOnBlack) {
  const Picture picture(8, 4, [](int, int, int) { return 255; });
  PreprocessSpec spec = raw(Fit::Letterbox);
  ASSERT_TRUE(normalisation_from_name("pm1", &spec.normalisation));
  const auto out = preprocess(picture, {1, 8, 8, 3}, spec);
  for (int y = 0; y < 8; ++y) {
    for (int i = 0; i < 24; ++i) {
      EXPECT_NEAR(out[static_cast<size_t>(y * 24 + i)], y >= 2 && y < 6 ? 1 : -1, 1e-6) << y;
    }
  }
}

TEST(Preprocess, NormalisationsByName) {
  struct Case {
    const char* name;
    double at_0, at_255;
  };
  for (const Case& c : {Case{"unit", 0, 1}, Case{"01", 0, 1}, Case{"pm1", -1, 1}, Case{"raw", 0, 255},
                        Case{"imagenet", -0.485 / 0.229, (1 - 0.485) / 0.229}}) {
    Normalisation n;
    ASSERT_TRUE(normalisation_from_name(c.name, &n));
    EXPECT_NEAR(n.offset[0], c.at_0, 1e-6) << c.name;
    EXPECT_NEAR(255 * n.scale[0] + n.offset[0], c.at_255, 1e-5) << c.name;
  }
  Normalisation n;
  ASSERT_TRUE(normalisation_from_name("imagenet", &n));
  EXPECT_NEAR(127.5 * n.scale[1] + n.offset[1], (0.5 - 0.456) / 0.224, 1e-6);
  EXPECT_NEAR(127.5 * n.scale[2] + n.offset[2], (0.5 - 0.406) / 0.225, 1e-6);
  EXPECT_FALSE(normalisation_from_name("other", &n));
  EXPECT_FALSE(normalisation_from_name("", &n));
}

TEST(Preprocess, ChannelsAndTypes) {
  const Picture picture(4, 4, [](int, int, int c) { return c == 0 ? 200 : c == 1 ? 100 : 51; });
  const auto rgb = preprocess<int32_t>(picture, {1, 2, 2, 3}, raw(Fit::Stretch));
  EXPECT_EQ(rgb, (std::vector<int32_t>{200, 100, 51, 200, 100, 51, 200, 100, 51, 200, 100, 51}));
  const double luma = 0.299 * 200 + 0.587 * 100 + 0.114 * 51;
  for (float value : preprocess(picture, {1, 3, 3, 1}, raw(Fit::Stretch))) EXPECT_NEAR(value, luma, 1e-3);
  for (int32_t value : preprocess<int32_t>(picture, {1, 3, 3, 1}, raw(Fit::Stretch))) EXPECT_EQ(value, 124);
}

TEST(Preprocess, ImagesMayBePaddedBetweenRows) {
  const Picture picture = noise(6, 5, 4);
  std::vector<uint8_t> padded(5 * 40, 99);
  for (size_t y = 0; y < 5; ++y) std::copy_n(&picture.rgba[y * 24], 24, &padded[y * 40]);
  const Shape shape{1, 3, 4, 3};
  auto preprocessor = Preprocessor::create({6, 5}, {DType::F32, shape}, raw(Fit::Stretch));
  ASSERT_TRUE(preprocessor);
  std::vector<float> out(36);
  preprocessor->run({{6, 5}, {{padded.data(), 40}}},
                    {DType::F32, shape, reinterpret_cast<std::byte*>(out.data())});
  EXPECT_EQ(out, preprocess(picture, shape, raw(Fit::Stretch)));
}

TEST(Preprocess, RunsAgainWithTheSameResult) {
  const Picture picture = noise(50, 40, 5);
  const Shape shape{1, 9, 17, 3};
  auto preprocessor = Preprocessor::create({50, 40}, {DType::F32, shape}, raw(Fit::Letterbox));
  ASSERT_TRUE(preprocessor);
  std::vector<float> first(9 * 17 * 3, 1), second(9 * 17 * 3, 2);
  preprocessor->run(picture.view(), {DType::F32, shape, reinterpret_cast<std::byte*>(first.data())});
  preprocessor->run(picture.view(), {DType::F32, shape, reinterpret_cast<std::byte*>(second.data())});
  EXPECT_EQ(first, second);
}

// --- Y, U and V

// A film frame: planes of noise, or of given values.
struct Frame {
  ImageFormat format;
  std::vector<uint8_t> bytes;
  Frame(const ImageFormat& f, const std::function<int(int plane, int x, int y)>& value) : format(f) {
    const int half_width = (f.width + 1) / 2, half_height = (f.height + 1) / 2;
    const auto add = [&](int plane, int x, int y) {
      bytes.push_back(static_cast<uint8_t>(value(plane, x, y)));
    };
    for (int y = 0; y < f.height; ++y) {
      for (int x = 0; x < f.width; ++x) add(0, x, y);
    }
    for (int plane = 1; plane < 3; ++plane) {
      for (int y = 0; y < half_height; ++y) {
        for (int x = 0; x < half_width; ++x) {
          add(plane, x, y);
          if (f.pixels == PixelFormat::Nv12) add(2, x, y);
        }
      }
      if (f.pixels == PixelFormat::Nv12) break;
    }
  }
};

std::vector<float> preprocess(const Frame& frame, const Shape& shape, const PreprocessSpec& spec) {
  auto preprocessor = Preprocessor::create(frame.format, {DType::F32, shape}, spec);
  EXPECT_TRUE(preprocessor) << preprocessor.error().detail();
  EXPECT_EQ(frame.bytes.size(), packed_bytes(frame.format));
  std::vector<float> out(static_cast<size_t>(shape.elements()), -77);
  preprocessor->run(packed_view(frame.format, frame.bytes.data()),
                    {DType::F32, shape, reinterpret_cast<std::byte*>(out.data())});
  return out;
}

constexpr ColourSpace kColourSpaces[] = {
    {YuvMatrix::Bt601, false}, {YuvMatrix::Bt601, true}, {YuvMatrix::Bt709, false}, {YuvMatrix::Bt709, true}};

// Y, U and V of a colour, by the definition in BT.601 and BT.709.
std::array<double, 3> encode_yuv(const double rgb[3], const ColourSpace& colours) {
  const bool bt601 = colours.matrix == YuvMatrix::Bt601;
  const double red = bt601 ? 0.299 : 0.2126, green = bt601 ? 0.587 : 0.7152, blue = bt601 ? 0.114 : 0.0722;
  const double y = red * rgb[0] + green * rgb[1] + blue * rgb[2];
  const double u = (rgb[2] - y) / (2 - 2 * blue), v = (rgb[0] - y) / (2 - 2 * red);
  if (colours.full_range) return {y, 128 + u, 128 + v};
  return {16 + y * 219 / 255, 128 + u * 224 / 255, 128 + v * 224 / 255};
}

TEST(PreprocessYuv, ColoursComeOutAsTheyWentIn) {
  const double rgbs[][3] = {{0, 0, 0},     {255, 255, 255}, {255, 0, 0},   {0, 255, 0},
                            {0, 0, 255},   {255, 255, 0},   {0, 255, 255}, {255, 0, 255},
                            {128, 64, 32}, {12, 200, 99},   {3, 4, 250},   {120, 120, 120}};
  for (const ColourSpace& colours : kColourSpaces) {
    for (const PixelFormat pixels : {PixelFormat::I420, PixelFormat::Nv12}) {
      for (const auto& rgb : rgbs) {
        const auto yuv = encode_yuv(rgb, colours);
        const Frame frame({7, 5, pixels, colours}, [&](int plane, int, int) {
          return std::min(255, static_cast<int>(std::lround(yuv[static_cast<size_t>(plane)])));
        });
        const auto out = preprocess(frame, {1, 3, 4, 3}, raw(Fit::Stretch));
        for (size_t i = 0; i < out.size(); ++i) {
          // Half a step of luma and of a chroma, magnified by the matrix, and half a step of the result.
          ASSERT_NEAR(out[i], rgb[i % 3], 0.5 * 1.165 + 0.5 * 2.113 + 0.5)
              << rgb[0] << " " << rgb[1] << " " << rgb[2];
        }
      }
    }
  }
}

TEST(PreprocessYuv, KnownValuesOfTheStandards) {
  struct Case {
    ColourSpace colours;
    int y, u, v;
    int rgb[3];
  };
  // 75 % bars of BT.601 and BT.709, and what JFIF gives for its primaries.
  for (const Case& c : {Case{{YuvMatrix::Bt601, false}, 162, 44, 142, {191, 191, 0}},
                        Case{{YuvMatrix::Bt601, false}, 131, 156, 44, {0, 191, 191}},
                        Case{{YuvMatrix::Bt709, false}, 168, 44, 136, {191, 191, 0}},
                        Case{{YuvMatrix::Bt709, false}, 51, 109, 212, {191, 0, 0}},
                        Case{{YuvMatrix::Bt601, true}, 76, 85, 255, {254, 0, 0}},
                        Case{{YuvMatrix::Bt601, true}, 29, 255, 107, {0, 0, 254}},
                        Case{{YuvMatrix::Bt709, true}, 128, 128, 128, {128, 128, 128}}}) {
    const Frame frame({2, 2, PixelFormat::I420, c.colours}, [&](int plane, int, int) {
      return plane == 0 ? c.y : plane == 1 ? c.u : c.v;
    });
    const auto out = preprocess(frame, {1, 1, 1, 3}, raw(Fit::Stretch));
    for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(out[i], c.rgb[i], 1.01) << c.y << " " << c.u << " " << c.v;
  }
}

TEST(PreprocessYuv, ResizeFollowsTheDefinition) {
  struct Case {
    int width, height, out_width, out_height;
  };
  for (const PixelFormat pixels : {PixelFormat::I420, PixelFormat::Nv12}) {
    for (const ColourSpace& colours : kColourSpaces) {
      for (const Case& c :
           {Case{37, 23, 8, 5}, Case{5, 4, 13, 9}, Case{40, 3, 7, 8}, Case{1, 1, 3, 3}, Case{64, 50, 1, 1},
            Case{3, 201, 2, 9}, Case{2, 2, 2, 2}, Case{130, 70, 33, 17}}) {
        std::minstd_rand random(7);
        // Colours as they occur: no clamping, which would hide what is wrong.
        const Frame frame({c.width, c.height, pixels, colours}, [&](int plane, int, int) {
          return (plane == 0 ? 80 : 112) + static_cast<int>(random() >> 4) % (plane == 0 ? 96 : 32);
        });
        const auto out = preprocess(frame, {1, c.out_height, c.out_width, 3}, raw(Fit::Stretch));
        const ImageView view = packed_view(frame.format, frame.bytes.data());
        const bool nv12 = pixels == PixelFormat::Nv12;
        const auto plane_at = [&](int plane, int x, int y) {
          const auto& [data, stride] = view.planes[nv12 && plane == 2 ? 1 : plane];
          return static_cast<double>(data[y * stride + (nv12 && plane > 0 ? 2 * x + plane - 1 : x)]);
        };
        // In pixels of the image; a chroma sample is two wide.
        const auto plane_value = [&](int plane, int x, int y) {
          const double by = plane == 0 ? 1 : 2;
          const double scale_x = c.width / by / c.out_width, scale_y = c.height / by / c.out_height;
          const auto tent = [](double distance, double reach) {
            return std::max(0.0, 1 - std::abs(distance) / std::max(1.0, reach));
          };
          double sum = 0, weights = 0;
          for (int v = 0; v < c.height / by; ++v) {
            for (int u = 0; u < c.width / by; ++u) {
              const double weight =
                  tent(u + 0.5 - (x + 0.5) * scale_x, scale_x) * tent(v + 0.5 - (y + 0.5) * scale_y, scale_y);
              sum += weight * plane_at(plane, u, v);
              weights += weight;
            }
          }
          return sum / weights;
        };
        size_t at = 0;
        for (int y = 0; y < c.out_height; ++y) {
          for (int x = 0; x < c.out_width; ++x) {
            const double rgb[3] = {out[at], out[at + 1], out[at + 2]};
            const auto yuv = encode_yuv(rgb, colours);
            at += 3;
            for (int plane = 0; plane < 3; ++plane) {
              // Half a step for the vertical direction, a fraction for the horizontal one, and what half a
              // step of red, green and blue is at most.
              ASSERT_NEAR(yuv[static_cast<size_t>(plane)], plane_value(plane, x, y), 1.05)
                  << "plane " << plane << " of " << c.width << "x" << c.height << " at " << x << "," << y;
            }
          }
        }
      }
    }
  }
}

TEST(PreprocessYuv, ChromaSamplesLieInTheMiddleOfTheirPixels) {
  const Frame frame({4, 1, PixelFormat::I420, {YuvMatrix::Bt601, true}}, [](int plane, int x, int) {
    return plane == 0 ? 100 : plane == 1 ? 128 : 128 + 40 * x;
  });
  const auto out = preprocess(frame, {1, 1, 4, 3}, raw(Fit::Stretch));
  for (size_t x = 0; x < 4; ++x) {
    const double share[] = {0, 0.25, 0.75, 1};
    EXPECT_NEAR(out[3 * x], 100 + 1.402 * 40 * share[x], 0.51) << x;
  }
}

TEST(PreprocessYuv, CropReadsNothingOutsideItsBox) {
  // The box of 10 x 10 starts at an odd pixel, in the middle of a chroma sample.
  const auto inside = [](int v) { return v >= 5 && v < 15; };
  const Frame frame({20, 20, PixelFormat::Nv12}, [&](int plane, int x, int y) {
    if (plane == 0) return inside(x) && inside(y) ? 126 : 235;
    return x >= 2 && x < 8 && y >= 2 && y < 8 ? 128 : 240;
  });
  for (float value : preprocess(frame, {1, 4, 4, 3}, raw(Fit::Crop, 0.5f))) EXPECT_NEAR(value, 128, 0.51);
}

// --- Codes

TEST(Preprocess, CodesAreThoseOfTheFloatResult) {
  struct Case {
    const char* normalisation;
    float scale;
    int zero_point;
  };
  // With raw pixels and a scale of 2, every second value lies between two codes.
  for (const Case& c : {Case{"raw", 2, 0}, Case{"raw", 2, 3}, Case{"raw", 4, 64}, Case{"pm1", 2.0f / 127, 63},
                        Case{"imagenet", 0.0375f, 57}, Case{"unit", 1.0f / 127, 0}, Case{"pm1", 1e-30f, 9}}) {
    const Picture picture = noise(40, 30, 8);
    PreprocessSpec spec = raw(Fit::Letterbox);
    ASSERT_TRUE(normalisation_from_name(c.normalisation, &spec.normalisation));
    for (const int channels : {1, 3}) {
      const Shape shape{1, 21, 19, channels};
      auto preprocessor = Preprocessor::create({40, 30}, {DType::I8, shape, {c.scale, c.zero_point}}, spec);
      ASSERT_TRUE(preprocessor);
      std::vector<int8_t> codes(static_cast<size_t>(shape.elements()), -5);
      preprocessor->run(picture.view(), {DType::I8, shape, reinterpret_cast<std::byte*>(codes.data())});
      const auto values = preprocess(picture, shape, spec);
      for (size_t i = 0; i < codes.size(); ++i) {
        const float code = std::nearbyint(values[i] * (1 / c.scale)) + static_cast<float>(c.zero_point);
        ASSERT_EQ(codes[i], static_cast<int>(std::clamp(code, 0.0f, 127.0f)))
            << values[i] << " of " << c.scale;
      }
    }
  }
}

TEST(Preprocess, BadCodesAreErrors) {
  const auto code = [](float scale, int zero_point) {
    auto made = Preprocessor::create({4, 4}, {DType::I8, {1, 4, 4, 3}, {scale, zero_point}}, {});
    return made ? ErrorCode::EngineFailed : made.error().code();
  };
  EXPECT_EQ(code(1, 127), ErrorCode::EngineFailed);  // none
  EXPECT_EQ(code(0, 0), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(-1, 0), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(std::nanf(""), 0), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(INFINITY, 0), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(1, -1), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(1, 128), ErrorCode::InvalidArgument);
}

TEST(Preprocess, BadArgumentsAreErrors) {
  const auto code = [](int width, int height, DType dtype, Shape shape, float crop) {
    auto made = Preprocessor::create({width, height}, {dtype, shape}, raw(Fit::Crop, crop));
    EXPECT_FALSE(made);
    return made.error().code();
  };
  const Shape shape{1, 4, 4, 3};
  EXPECT_EQ(code(0, 4, DType::F32, shape, 1), ErrorCode::BadImage);
  EXPECT_EQ(code(4, -1, DType::F32, shape, 1), ErrorCode::BadImage);
  EXPECT_EQ(code(4, (1 << 14) + 1, DType::F32, shape, 1), ErrorCode::BadImage);
  EXPECT_EQ(code(4, 4, DType::F32, {1, 4, 4, 2}, 1), ErrorCode::ShapeMismatch);
  EXPECT_EQ(code(4, 4, DType::F32, {2, 4, 4, 3}, 1), ErrorCode::ShapeMismatch);
  EXPECT_EQ(code(4, 4, DType::F32, {1, 0, 4, 3}, 1), ErrorCode::ShapeMismatch);
  EXPECT_EQ(code(4, 4, DType::F32, {4, 4, 3}, 1), ErrorCode::ShapeMismatch);
  EXPECT_EQ(code(4, 4, DType::U8, shape, 1), ErrorCode::TypeMismatch);
  EXPECT_EQ(code(4, 4, DType::F32, shape, 0), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(4, 4, DType::F32, shape, 1.5f), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(4, 4, DType::F32, shape, std::nanf("")), ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace linnet

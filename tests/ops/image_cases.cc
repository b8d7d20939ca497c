#include "tests/ops/image_cases.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "vision/preprocess.h"

namespace linnet::tests {
namespace {

// The definition, one value at a time: no vectors, tables, lines or halves of weights.

struct Span {
  double begin, length;
};

struct Weight {
  int sample;
  int64_t weight;
};

// The samples under the triangle around output `i` of `size` over the span.
std::vector<Weight> weights_of(Span span, int size, int i) {
  const double scale = span.length / size, reach = std::max(1.0, scale);
  const double centre = span.begin + (i + 0.5) * scale;
  const auto height = [&](int sample) { return 1 - std::abs(sample + 0.5 - centre) / reach; };
  std::vector<Weight> weights;
  double sum = 0;
  for (int s = static_cast<int>(span.begin); s < span.begin + span.length; ++s) {
    if (height(s) > 0) sum += height(s);
  }
  for (int s = static_cast<int>(span.begin); s < span.begin + span.length; ++s) {
    if (height(s) > 0) weights.push_back({s, std::lround(height(s) / sum * (1 << 22))});
  }
  return weights;
}

struct Channel {
  const uint8_t* data;
  int stride, step;  // bytes from row to row and from sample to sample
  Span across, down;
};

// One output of RGBA: across first, rounded to 8 bits after each direction.
int64_t resized_byte(const Channel& from, int width, int height, int x, int y) {
  int64_t sum = 1 << 21;
  const auto across = weights_of(from.across, width, x);
  for (const Weight& row : weights_of(from.down, height, y)) {
    int64_t line = 1 << 21;
    for (const Weight& column : across)
      line += column.weight * from.data[row.sample * from.stride + column.sample * from.step];
    sum += row.weight * std::min<int64_t>(line >> 22, 255);
  }
  return std::min<int64_t>(sum >> 22, 255);
}

// One output of a plane, with `fraction` bits after the point: down first.
int64_t resized(const Channel& from, int width, int height, int x, int y, int fraction) {
  int64_t sum = int64_t{1} << (21 - fraction);
  const auto down = weights_of(from.down, height, y);
  for (const Weight& column : weights_of(from.across, width, x)) {
    int64_t blended = 1 << 21;
    for (const Weight& row : down)
      blended += row.weight * from.data[row.sample * from.stride + column.sample * from.step];
    sum += column.weight * std::min<int64_t>(blended >> 22, 255);
  }
  return sum >> (22 - fraction);
}

struct Matrix {
  int64_t y, red_v, green_u, green_v, blue_u, black;
};

// Of BT.601 and BT.709, by range: 8192 times the factors in the standards' tables for 8 bits.
Matrix matrix_of(const ColourSpace& colours) {
  const double red = colours.matrix == YuvMatrix::Bt601 ? 0.299 : 0.2126;
  const double blue = colours.matrix == YuvMatrix::Bt601 ? 0.114 : 0.0722;
  const double green = 1 - red - blue;
  const double luma = colours.full_range ? 1 : 255.0 / 219, chroma = colours.full_range ? 1 : 255.0 / 224;
  return {std::lround(8192 * luma),
          std::lround(8192 * (2 * (1 - red) * chroma)),
          std::lround(8192 * (-2 * (1 - blue) * blue / green * chroma)),
          std::lround(8192 * (-2 * (1 - red) * red / green * chroma)),
          std::lround(8192 * (2 * (1 - blue) * chroma)),
          colours.full_range ? 0 : 16};
}

struct Box {
  int x, y, width, height;
};

struct ImageCase {
  ImageFormat format;
  ImageTarget target;
  PreprocessSpec spec;
  ImageView view;
  Box from, to;
};

void set_boxes(ImageCase& c) {
  const int width = c.format.width, height = c.format.height;
  const int out_width = c.target.shape[2], out_height = c.target.shape[1];
  const auto part = [](double side, double factor, int limit) {
    return std::clamp(static_cast<int>(std::lround(side * factor)), 1, limit);
  };
  c.from = {0, 0, width, height};
  c.to = {0, 0, out_width, out_height};
  if (c.spec.fit == Fit::Crop) {
    const double aspect = static_cast<double>(out_width) / out_height;
    c.from.width = part(std::min<double>(width, height * aspect), c.spec.crop, width);
    c.from.height = part(std::min<double>(height, width / aspect), c.spec.crop, height);
    c.from.x = (width - c.from.width) / 2;
    c.from.y = (height - c.from.height) / 2;
  } else if (c.spec.fit == Fit::Letterbox) {
    const double scale =
        std::min(static_cast<double>(out_width) / width, static_cast<double>(out_height) / height);
    c.to.width = part(width, scale, out_width);
    c.to.height = part(height, scale, out_height);
    c.to.x = (out_width - c.to.width) / 2;
    c.to.y = (out_height - c.to.height) / 2;
  }
}

// Red, green and blue of a pixel of the box to fill.
void reference_pixel(const ImageCase& c, int x, int y, int64_t rgb[3]) {
  const auto& planes = c.view.planes;
  const auto channel = [&](const uint8_t* data, int stride, int step, int by) {
    const double part = by;
    return Channel{
        data, stride, step, {c.from.x / part, c.from.width / part}, {c.from.y / part, c.from.height / part}};
  };
  const auto at = [&](const Channel& from, int fraction) {
    return resized(from, c.to.width, c.to.height, x, y, fraction);
  };
  if (c.format.pixels == PixelFormat::Rgba) {
    for (int i = 0; i < 3; ++i)
      rgb[i] =
          resized_byte(channel(planes[0].data + i, planes[0].stride, 4, 1), c.to.width, c.to.height, x, y);
    return;
  }
  const bool nv12 = c.format.pixels == PixelFormat::Nv12;
  const Plane last = nv12 ? Plane{planes[1].data + 1, planes[1].stride} : planes[2];
  const Matrix m = matrix_of(c.format.colours);
  const int64_t luma = at(channel(planes[0].data, planes[0].stride, 1, 1), 6) - 64 * m.black;
  const int64_t u = at(channel(planes[1].data, planes[1].stride, nv12 ? 2 : 1, 2), 6) - 64 * 128;
  const int64_t v = at(channel(last.data, last.stride, nv12 ? 2 : 1, 2), 6) - 64 * 128;
  const auto byte = [](int64_t sum) { return std::clamp<int64_t>((sum + (1 << 18)) >> 19, 0, 255); };
  rgb[0] = byte(m.y * luma + m.red_v * v);
  rgb[1] = byte(m.y * luma + m.green_u * u + m.green_v * v);
  rgb[2] = byte(m.y * luma + m.blue_u * u);
}

// The values of the whole target, before they are encoded.
std::vector<float> reference_values(const ImageCase& c) {
  const auto& [scale, offset] = c.spec.normalisation;
  const int channels = c.target.shape[3];
  std::vector<float> values;
  for (int y = 0; y < c.target.shape[1]; ++y) {
    for (int x = 0; x < c.target.shape[2]; ++x) {
      int64_t rgb[3] = {0, 0, 0};
      const int u = x - c.to.x, v = y - c.to.y;
      if (u >= 0 && u < c.to.width && v >= 0 && v < c.to.height) reference_pixel(c, u, v, rgb);
      if (channels == 1) {
        const float luma = 0.299f * static_cast<float>(rgb[0]) + 0.587f * static_cast<float>(rgb[1]) +
                           0.114f * static_cast<float>(rgb[2]);
        values.push_back(luma * scale[0] + offset[0]);
      } else {
        for (int i = 0; i < 3; ++i) values.push_back(static_cast<float>(rgb[i]) * scale[i] + offset[i]);
      }
    }
  }
  return values;
}

// The element that a value becomes, as a number.
float encoded(const ImageTarget& target, float value) {
  if (target.dtype == DType::F32) return value;
  if (target.dtype == DType::I32) return std::round(value);
  const auto& [scale, zero_point] = target.quantization;
  const float code = std::nearbyint(value * (1 / scale)) + static_cast<float>(zero_point);
  return std::clamp(code, 0.0f, 127.0f);
}

float element(const TensorView& view, size_t i) {
  switch (view.dtype) {
    case DType::F32:
      return view.as<float>()[i];
    case DType::I32:
      return static_cast<float>(view.as<int32_t>()[i]);
    default:
      return view.as<int8_t>()[i];
  }
}

class Draw {
 public:
  explicit Draw(uint32_t seed) : random_(seed) {}
  int upto(int most) { return static_cast<int>((random_() >> 3) % static_cast<uint32_t>(most + 1)); }
  // Often small, where the edges are.
  int side(int most) { return 1 + upto(upto(2) == 0 ? 3 : most); }
  float real(float low, float high) { return low + (high - low) * static_cast<float>(upto(1000)) / 1000; }

 private:
  std::minstd_rand random_;
};

bool image_case_passes(uint32_t seed) {
  Draw draw(seed);
  ImageCase c;
  c.format = {.width = draw.side(70), .height = draw.side(50), .pixels = PixelFormat(draw.upto(2))};
  c.format.colours = {.matrix = YuvMatrix(draw.upto(1)), .full_range = draw.upto(1) == 1};
  const DType dtypes[] = {DType::F32, DType::I32, DType::I8};
  c.target = {.dtype = dtypes[draw.upto(2)],
              .shape = {1, draw.side(20), draw.side(30), draw.upto(3) == 0 ? 1 : 3},
              .quantization = {draw.real(0.1f, 4), draw.upto(127)}};
  c.spec.fit = Fit(draw.upto(2));
  c.spec.crop = draw.real(0.2f, 1);
  for (int i = 0; i < 3; ++i) {
    c.spec.normalisation.scale[i] = draw.real(-1, 1);
    c.spec.normalisation.offset[i] = draw.real(-100, 100);
  }

  // Each plane has a block of its own that ends with its last sample, so that sanitizers see what reads
  // beyond.
  c.view.format = c.format;
  const int half_width = (c.format.width + 1) / 2, half_height = (c.format.height + 1) / 2;
  const bool rgba = c.format.pixels == PixelFormat::Rgba, nv12 = c.format.pixels == PixelFormat::Nv12;
  std::vector<uint8_t> blocks[3];
  for (int i = 0; i < (rgba ? 1 : nv12 ? 2 : 3); ++i) {
    const int row = i > 0 ? half_width * (nv12 ? 2 : 1) : c.format.width * (rgba ? 4 : 1);
    const int stride = row + draw.upto(1) * draw.upto(9);
    const int rows = i > 0 ? half_height : c.format.height;
    blocks[i].resize(static_cast<size_t>(stride * (rows - 1) + row));
    const int contrast = draw.upto(2);  // noise, or nearly black and white, which clamps
    for (uint8_t& byte : blocks[i])
      byte = static_cast<uint8_t>(contrast == 0 ? draw.upto(1) * 255 : draw.upto(255));
    c.view.planes[i] = {blocks[i].data(), stride};
  }
  set_boxes(c);

  auto preprocessor = Preprocessor::create(c.format, c.target, c.spec);
  auto output = Tensor::zeros(c.target.dtype, c.target.shape);
  if (!preprocessor || !output) {
    std::printf("FAILED image %u: %s\n", seed, preprocessor ? "no memory" : preprocessor.error().detail());
    return false;
  }
  const std::vector<float> expected = reference_values(c);
  for (int run = 0; run < 2; ++run) {  // the second finds the lines as the first one left them
    preprocessor->run(c.view, output->view());
    for (size_t i = 0; i < expected.size(); ++i) {
      const float value = encoded(c.target, expected[i]), actual = element(output->view(), i);
      if (value == actual) continue;
      std::printf("FAILED image %u: element %zu is %.9g, not %.9g (%d x %d, format %d, fit %d, into %s %s)\n",
                  seed, i, actual, value, c.format.width, c.format.height, static_cast<int>(c.format.pixels),
                  static_cast<int>(c.spec.fit), dtype_name(c.target.dtype),
                  c.target.shape.to_string().c_str());
      return false;
    }
  }
  return true;
}

}  // namespace

ImageCounts run_image_cases() {
  ImageCounts counts;
  for (uint32_t seed = 1; seed <= 500; ++seed) ++(image_case_passes(seed) ? counts.passed : counts.failed);
  return counts;
}

}  // namespace linnet::tests

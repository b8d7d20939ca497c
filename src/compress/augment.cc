#include "compress/augment.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace linnet {

namespace {

// Where a pixel of the view lies along one axis of the image.
struct Tap {
  int32_t low, high;
  float fraction;
};

std::vector<Tap> taps(int32_t size, float begin, float length, bool reversed) {
  std::vector<Tap> result;
  for (int32_t i = 0; i < size; ++i) {
    const int32_t from = reversed ? size - 1 - i : i;
    const float centre = begin + (static_cast<float>(from) + 0.5f) * length / static_cast<float>(size) - 0.5f;
    const float at = std::clamp(centre, 0.0f, static_cast<float>(size - 1));
    const int32_t low = static_cast<int32_t>(at);
    result.push_back({low, std::min(low + 1, size - 1), at - static_cast<float>(low)});
  }
  return result;
}

}  // namespace

void random_view(const TensorView& image, uint64_t seed, const TensorView& view) {
  // The generator's numbers are the same everywhere; the library's distributions are not.
  std::mt19937_64 bits(seed);
  const auto uniform = [&](float low, float high) {
    return low + (high - low) * static_cast<float>(bits() >> 40) * 0x1p-24f;
  };
  const int32_t height = image.shape[1], width = image.shape[2], channels = image.shape[3];
  const float scale = uniform(0.6f, 1), stretch = uniform(0.9f, 1.1f);
  const float part_y = std::min(scale * stretch, 1.0f), part_x = std::min(scale / stretch, 1.0f);
  const float h = part_y * static_cast<float>(height), w = part_x * static_cast<float>(width);
  const float top = uniform(0, static_cast<float>(height) - h),
              left = uniform(0, static_cast<float>(width) - w);
  const bool mirrored = uniform(0, 1) < 0.5f;
  const std::vector<Tap> ys = taps(height, top, h, false), xs = taps(width, left, w, mirrored);
  const float* in = image.as<float>();
  float* out = view.as<float>();
  double sum = 0, squares = 0;
  const auto pixel = [&](int32_t y, int32_t x) { return in + (int64_t{y} * width + x) * channels; };
  for (const Tap& y : ys)
    for (const Tap& x : xs)
      for (int32_t c = 0; c < channels; ++c) {
        const float upper = pixel(y.low, x.low)[c] * (1 - x.fraction) + pixel(y.low, x.high)[c] * x.fraction;
        const float lower =
            pixel(y.high, x.low)[c] * (1 - x.fraction) + pixel(y.high, x.high)[c] * x.fraction;
        *out = upper * (1 - y.fraction) + lower * y.fraction;
        sum += static_cast<double>(*out);
        squares += static_cast<double>(*out) * static_cast<double>(*out);
        ++out;
      }
  const double count = static_cast<double>(image.elements());
  const float mean = static_cast<float>(sum / count);
  const float deviation =
      static_cast<float>(std::sqrt(std::max(squares / count - sum / count * (sum / count), 0.0)));
  const float contrast = uniform(0.8f, 1.2f), brighter = uniform(-0.2f, 0.2f) * deviation;
  for (int64_t i = 0; i < image.elements(); ++i)
    view.as<float>()[i] = (view.as<float>()[i] - mean) * contrast + mean + brighter;
}

}  // namespace linnet

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

std::vector<Tap> taps(int32_t size, int32_t count, float begin, float length, bool reversed) {
  std::vector<Tap> result;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t from = reversed ? count - 1 - i : i;
    const float centre =
        begin + (static_cast<float>(from) + 0.5f) * length / static_cast<float>(count) - 0.5f;
    const float at = std::clamp(centre, 0.0f, static_cast<float>(size - 1));
    const int32_t low = static_cast<int32_t>(at);
    result.push_back({low, std::min(low + 1, size - 1), at - static_cast<float>(low)});
  }
  return result;
}

// The generator's numbers are the same everywhere; the library's distributions are not.
class Random {
 public:
  explicit Random(uint64_t seed) : bits_(seed) {}
  float uniform(float low, float high) {
    return low + (high - low) * static_cast<float>(bits_() >> 40) * 0x1p-24f;
  }

 private:
  std::mt19937_64 bits_;
};

// Views and patches of one seed have nothing to do with each other.
constexpr uint64_t kPatchSeeds = uint64_t{1} << 32, kChoiceSeeds = uint64_t{1} << 33;

}  // namespace

void random_view(const TensorView& image, uint64_t seed, const TensorView& view) {
  Random random(seed);
  const int32_t height = image.shape[1], width = image.shape[2], channels = image.shape[3];
  const int32_t out_height = view.shape[1], out_width = view.shape[2];
  const float least = 0.6f * static_cast<float>(out_height) / static_cast<float>(height);
  const float scale = random.uniform(least, 1), stretch = random.uniform(0.9f, 1.1f);
  const float part_y = std::min(scale * stretch, 1.0f), part_x = std::min(scale / stretch, 1.0f);
  const float h = part_y * static_cast<float>(height), w = part_x * static_cast<float>(width);
  const float top = random.uniform(0, static_cast<float>(height) - h),
              left = random.uniform(0, static_cast<float>(width) - w);
  const bool mirrored = random.uniform(0, 1) < 0.5f;
  const std::vector<Tap> ys = taps(height, out_height, top, h, false),
                         xs = taps(width, out_width, left, w, mirrored);
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
  const double count = static_cast<double>(view.elements());
  const float mean = static_cast<float>(sum / count);
  const float deviation =
      static_cast<float>(std::sqrt(std::max(squares / count - sum / count * (sum / count), 0.0)));
  const float contrast = random.uniform(0.8f, 1.2f), brighter = random.uniform(-0.2f, 0.2f) * deviation;
  for (int64_t i = 0; i < view.elements(); ++i)
    view.as<float>()[i] = (view.as<float>()[i] - mean) * contrast + mean + brighter;
}

bool takes_patch(uint64_t seed) {
  return Random(seed + kChoiceSeeds).uniform(0, 1) < 0.8f;
}

void paste_random_patch(const TensorView& other, uint64_t seed, const TensorView& view) {
  Random random(seed + kPatchSeeds);
  const int32_t height = view.shape[1], width = view.shape[2], channels = view.shape[3];
  const float side = std::sqrt(random.uniform(0.1f, 0.6f));
  const int32_t h = static_cast<int32_t>(side * static_cast<float>(height));
  const int32_t w = static_cast<int32_t>(side * static_cast<float>(width));
  const int32_t top = static_cast<int32_t>(random.uniform(0, static_cast<float>(height - h)));
  const int32_t left = static_cast<int32_t>(random.uniform(0, static_cast<float>(width - w)));
  for (int32_t y = top; y < top + h; ++y) {
    const int64_t at = (int64_t{y} * width + left) * channels;
    std::copy_n(other.as<float>() + at, int64_t{w} * channels, view.as<float>() + at);
  }
}

}  // namespace linnet

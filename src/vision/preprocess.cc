#include "vision/preprocess.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "simd/pixels.h"

namespace linnet {
namespace {

using simd::I16x8;
using simd::I32x4;
using simd::U8x16;

constexpr size_t kLanes = 4;  // bytes a pixel within lines, alpha along for the ride: four fill a vector
// A pixel times a weight, summed, fits an int32. Weights are split in halves, which fit the 16-bit lanes of a
// dot product each: the sums are those of whole weights.
constexpr int kWeightBits = 22;
constexpr int kHalfBits = kWeightBits / 2;
constexpr int32_t kOne = 1 << kWeightBits;

struct Box {
  int x, y, width, height;
};

// `fraction` of `side` in whole pixels, at least one.
int part_of(double side, double fraction) {
  return std::max(1, static_cast<int>(std::lround(side * fraction)));
}

Box source_box(int width, int height, int out_width, int out_height, const PreprocessSpec& spec) {
  if (spec.fit != Fit::Crop) return {0, 0, width, height};
  const double aspect = static_cast<double>(out_width) / out_height;
  const int box_width = std::min(width, part_of(std::min<double>(width, height * aspect), spec.crop));
  const int box_height = std::min(height, part_of(std::min<double>(height, width / aspect), spec.crop));
  return {(width - box_width) / 2, (height - box_height) / 2, box_width, box_height};
}

Box target_box(int width, int height, int out_width, int out_height, Fit fit) {
  if (fit != Fit::Letterbox) return {0, 0, out_width, out_height};
  const double scale =
      std::min(static_cast<double>(out_width) / width, static_cast<double>(out_height) / height);
  const int box_width = std::min(out_width, part_of(width, scale));
  const int box_height = std::min(out_height, part_of(height, scale));
  return {(out_width - box_width) / 2, (out_height - box_height) / 2, box_width, box_height};
}

// The sums of four channels or bytes.
struct Sums {
  I32x4 high{}, low{};

  // Adds pairs of values, each lane's beside each other, by a pair of weights.
  void add(I16x8 pairs, const Preprocessor::PairWeights& weights) {
    high += simd::dot_pairs(pairs, simd::splat_pair(weights.high));
    low += simd::dot_pairs(pairs, simd::splat_pair(weights.low));
  }
  // Rounded to 8 bits. Rounded weights may add up to a little more than 1.
  I32x4 pixels() const {
    const I32x4 whole = ((high << kHalfBits) + low + kOne / 2) >> kWeightBits;
    return whole > 255 ? I32x4{} + 255 : whole;
  }
};

// Eight bytes from `kFrom` as 16-bit lanes.
template <int kFrom>
I16x8 widen(U8x16 bytes) {
  return (I16x8)__builtin_shufflevector(bytes, U8x16{}, kFrom, 16, kFrom + 1, 16, kFrom + 2, 16, kFrom + 3,
                                        16, kFrom + 4, 16, kFrom + 5, 16, kFrom + 6, 16, kFrom + 7, 16);
}

// The channels of two pixels beside each other: R R G G B B A A.
I16x8 pair_pixels(U8x16 two) {
  return (I16x8)__builtin_shufflevector(two, U8x16{}, 0, 16, 4, 16, 1, 16, 5, 16, 2, 16, 6, 16, 3, 16, 7, 16);
}

void store_pixel(I32x4 pixel, uint8_t* out) {
  using U8x4 = uint8_t __attribute__((vector_size(4)));
  const U8x4 bytes = __builtin_convertvector(pixel, U8x4);
  std::memcpy(out, &bytes, sizeof bytes);
}

float luma(const uint8_t* pixel) {
  return 0.299f * static_cast<float>(pixel[0]) + 0.587f * static_cast<float>(pixel[1]) +
         0.114f * static_cast<float>(pixel[2]);
}

void store(float value, float* out) {
  *out = value;
}
void store(float value, int32_t* out) {
  *out = static_cast<int32_t>(std::lround(value));
}

}  // namespace

bool fit_from_name(std::string_view name, Fit* out) {
  if (name == "crop") return *out = Fit::Crop, true;
  if (name == "stretch") return *out = Fit::Stretch, true;
  if (name == "letterbox") return *out = Fit::Letterbox, true;
  return false;
}

bool normalisation_from_name(std::string_view name, Normalisation* out) {
  constexpr double kMean[3] = {0.485, 0.456, 0.406};
  constexpr double kDeviation[3] = {0.229, 0.224, 0.225};
  for (int c = 0; c < 3; ++c) {
    double mean = 0, deviation = 1;  // of pixels in 0..1
    if (name == "imagenet") {
      mean = kMean[c];
      deviation = kDeviation[c];
    } else if (name == "pm1") {
      mean = deviation = 0.5;
    } else if (name == "raw") {
      deviation = 1.0 / 255;
    } else if (name != "unit" && name != "01") {
      return false;
    }
    out->scale[c] = static_cast<float>(1 / (255 * deviation));
    out->offset[c] = static_cast<float>(-mean / deviation);
  }
  return true;
}

Preprocessor::Axis Preprocessor::make_axis(int begin, int length, int size) {
  const double scale = static_cast<double>(length) / size;
  const double reach = std::max(scale, 1.0);
  const int limit = begin + length;
  struct Span {
    int first, count;
  };
  // The pixels whose centres lie strictly within the filter around output i's centre.
  const auto span_of = [&](int i) {
    const double centre = begin + (i + 0.5) * scale;
    int first = std::max(begin, static_cast<int>(std::floor(centre - reach - 0.5)) + 1);
    int last = std::min(limit - 1, static_cast<int>(std::ceil(centre + reach - 0.5)) - 1);
    return Span{first, last - first + 1};
  };

  Axis axis;
  for (int i = 0; i < size; ++i) axis.taps = std::max(axis.taps, span_of(i).count);
  axis.first.resize(static_cast<size_t>(size));
  const size_t pairs = (static_cast<size_t>(axis.taps) + 1) / 2;
  axis.weights.assign(static_cast<size_t>(size) * pairs, {0, 0});
  for (int i = 0; i < size; ++i) {
    const double centre = begin + (i + 0.5) * scale;
    const Span span = span_of(i);
    const auto weight = [&](int pixel) { return 1 - std::abs(pixel + 0.5 - centre) / reach; };
    double sum = 0;
    for (int k = 0; k < span.count; ++k) sum += weight(span.first + k);
    // All outputs have as many taps; the run of a short one moves back from the edge and has zeros in front.
    const int first = std::min(span.first, limit - axis.taps);
    axis.first[static_cast<size_t>(i)] = first;
    PairWeights* weights = &axis.weights[static_cast<size_t>(i) * pairs];
    for (int k = 0; k < span.count; ++k) {
      const auto whole = static_cast<int32_t>(std::lround(weight(span.first + k) / sum * kOne));
      const int at = span.first - first + k, shift = at % 2 * 16;
      weights[at / 2].high |= (whole >> kHalfBits) << shift;
      weights[at / 2].low |= (whole & ((1 << kHalfBits) - 1)) << shift;
    }
  }
  return axis;
}

Result<Preprocessor> Preprocessor::create(int width, int height, DType dtype, const Shape& output,
                                          const PreprocessSpec& spec) {
  if (width <= 0 || height <= 0 || width > kMaxSide || height > kMaxSide) {
    return fail(ErrorCode::BadImage, "an image of %d x %d pixels; each side must have 1 to %d", width, height,
                kMaxSide);
  }
  const bool image_shape = output.rank() == 4 && output[0] == 1 && (output[3] == 1 || output[3] == 3);
  if (!image_shape || output[1] < 1 || output[2] < 1 || output[1] > kMaxSide || output[2] > kMaxSide) {
    return fail(ErrorCode::ShapeMismatch,
                "an image goes into [1,height,width,3] or [1,height,width,1], not %s",
                output.to_string().c_str());
  }
  if (dtype != DType::F32 && dtype != DType::I32) {
    return fail(ErrorCode::TypeMismatch, "an image goes into f32 or i32, not %s", dtype_name(dtype));
  }
  if (!(spec.crop > 0 && spec.crop <= 1)) {
    return fail(ErrorCode::InvalidArgument, "a crop of %g; it must be above 0 and at most 1", spec.crop);
  }

  Preprocessor made;
  made.width_ = width;
  made.height_ = height;
  made.normalisation_ = spec.normalisation;
  made.dtype_ = dtype;
  made.shape_ = output;
  const Box source = source_box(width, height, output[2], output[1], spec);
  const Box target = target_box(width, height, output[2], output[1], spec.fit);
  made.out_x_ = target.x;
  made.out_y_ = target.y;
  made.out_width_ = target.width;
  made.out_height_ = target.height;
  made.horizontal_ = make_axis(source.x, source.width, target.width);
  made.vertical_ = make_axis(source.y, source.height, target.height);
  const uint64_t lines = static_cast<uint64_t>(made.vertical_.taps) + 1;
  made.line_bytes_ =
      static_cast<size_t>(align_up(static_cast<uint64_t>(target.width) * kLanes, sizeof(U8x16)));
  TRY_ASSIGN(made.lines_, Buffer::allocate(lines * made.line_bytes_));
  std::memset(made.lines_.data(), 0, made.lines_.size());
  return made;
}

uint8_t* Preprocessor::line(int index) {
  return reinterpret_cast<uint8_t*>(lines_.data()) + static_cast<size_t>(index) * line_bytes_;
}

void Preprocessor::resize_row(const uint8_t* row, uint8_t* out) const {
  const int taps = horizontal_.taps;
  const PairWeights* weights = horizontal_.weights.data();
  for (int x = 0; x < out_width_; ++x, out += kLanes) {
    const uint8_t* pixel = row + static_cast<size_t>(horizontal_.first[static_cast<size_t>(x)]) * kLanes;
    Sums sums;
    for (int k = 0; k + 1 < taps; k += 2, pixel += 2 * kLanes, ++weights)
      sums.add(pair_pixels(simd::load_first<2 * kLanes>(pixel)), *weights);
    // What follows an odd last pixel may lie outside the image.
    if (taps % 2 != 0) sums.add(pair_pixels(simd::load_first<kLanes>(pixel)), *weights++);
    store_pixel(sums.pixels(), out);
  }
}

void Preprocessor::blend_lines(int y, uint8_t* out) {
  const int taps = vertical_.taps;
  const int first = vertical_.first[static_cast<size_t>(y)];
  const size_t pairs = (static_cast<size_t>(taps) + 1) / 2;
  const PairWeights* weights = &vertical_.weights[static_cast<size_t>(y) * pairs];
  const size_t bytes = static_cast<size_t>(out_width_) * kLanes;
  // Lines are allocated in whole vectors.
  for (size_t i = 0; i < bytes; i += sizeof(U8x16)) {
    Sums sums[4];
    for (size_t pair = 0; pair < pairs; ++pair) {
      const int k = static_cast<int>(2 * pair);
      const U8x16 a = simd::load_bytes(line((first + k) % taps) + i);
      // The weight beside an odd last one is 0.
      const U8x16 b = simd::load_bytes(line((first + std::min(k + 1, taps - 1)) % taps) + i);
      const U8x16 low = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      const U8x16 high =
          __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
      sums[0].add(widen<0>(low), weights[pair]);
      sums[1].add(widen<8>(low), weights[pair]);
      sums[2].add(widen<0>(high), weights[pair]);
      sums[3].add(widen<8>(high), weights[pair]);
    }
    for (size_t part = 0; part < 4; ++part) store_pixel(sums[part].pixels(), out + i + part * kLanes);
  }
}

template <class T>
void Preprocessor::write_row(const uint8_t* row, T* out) const {
  const auto& [scale, offset] = normalisation_;
  if (shape_[3] == 1) {
    for (int x = 0; x < out_width_; ++x, row += kLanes) store(luma(row) * scale[0] + offset[0], out + x);
    return;
  }
  for (int x = 0; x < out_width_; ++x, row += kLanes, out += 3) {
    for (int c = 0; c < 3; ++c) store(static_cast<float>(row[c]) * scale[c] + offset[c], out + c);
  }
}

template <class T>
void Preprocessor::run_as(const ImageView& image, T* output) {
  const size_t channels = static_cast<size_t>(shape_[3]);
  const size_t pixels = static_cast<size_t>(shape_[1]) * static_cast<size_t>(shape_[2]);
  if (out_width_ != shape_[2] || out_height_ != shape_[1]) {
    for (size_t i = 0; i < pixels; ++i) {
      for (size_t c = 0; c < channels; ++c) store(normalisation_.offset[c], output + i * channels + c);
    }
  }

  const int taps = vertical_.taps;
  uint8_t* const finished = line(taps);
  int resized_to = 0;  // source rows before this one are in the ring, or no longer needed
  for (int y = 0; y < out_height_; ++y) {
    const int first = vertical_.first[static_cast<size_t>(y)];
    for (int row = std::max(first, resized_to); row < first + taps; ++row) {
      resize_row(image.rgba + static_cast<size_t>(row) * static_cast<size_t>(image.stride), line(row % taps));
    }
    resized_to = std::max(resized_to, first + taps);
    blend_lines(y, finished);
    const size_t at =
        static_cast<size_t>(out_y_ + y) * static_cast<size_t>(shape_[2]) + static_cast<size_t>(out_x_);
    write_row(finished, output + at * channels);
  }
}

void Preprocessor::run(const ImageView& image, TensorView output) {
  CHECK(image.width == width_ && image.height == height_ && image.stride >= 4 * width_);
  CHECK(output.dtype == dtype_ && output.shape == shape_);
  if (dtype_ == DType::I32) {
    run_as(image, output.as<int32_t>());
  } else {
    run_as(image, output.as<float>());
  }
}

}  // namespace linnet

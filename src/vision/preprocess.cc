#include "vision/preprocess.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace linnet {
namespace {

constexpr size_t kPixel = 4;  // bytes, of RGBA and of a resized line

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

float luma(const uint8_t* pixel) {
  return 0.299f * static_cast<float>(pixel[0]) + 0.587f * static_cast<float>(pixel[1]) +
         0.114f * static_cast<float>(pixel[2]);
}

int half_up(int size) {
  return (size + 1) / 2;
}

YuvToRgb yuv_to_rgb(const ColourSpace& colours) {
  // Of red and blue in luma, by BT.601 and BT.709.
  const bool bt601 = colours.matrix == YuvMatrix::Bt601;
  const double red = bt601 ? 0.299 : 0.2126, blue = bt601 ? 0.114 : 0.0722, green = 1 - red - blue;
  const double luma_range = colours.full_range ? 1 : 255.0 / 219;
  const double chroma_range = colours.full_range ? 1 : 255.0 / 224;
  const auto fixed = [](double factor) { return static_cast<int16_t>(std::lround(factor * (1 << 13))); };
  return {.y = fixed(luma_range),
          .red_v = fixed(2 * (1 - red) * chroma_range),
          .green_u = fixed(-2 * (1 - blue) * blue / green * chroma_range),
          .green_v = fixed(-2 * (1 - red) * red / green * chroma_range),
          .blue_u = fixed(2 * (1 - blue) * chroma_range),
          .black = static_cast<int16_t>(colours.full_range ? 0 : 16)};
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

ImageView packed_view(const ImageFormat& format, const uint8_t* data) {
  const int width = format.width, chroma_width = half_up(width), chroma_height = half_up(format.height);
  if (format.pixels == PixelFormat::Rgba) return {format, {{data, width * static_cast<int>(kPixel)}}};
  const uint8_t* u = data + static_cast<size_t>(width) * static_cast<size_t>(format.height);
  if (format.pixels == PixelFormat::Nv12) return {format, {{data, width}, {u, 2 * chroma_width}}};
  const uint8_t* v = u + static_cast<size_t>(chroma_width) * static_cast<size_t>(chroma_height);
  return {format, {{data, width}, {u, chroma_width}, {v, chroma_width}}};
}

uint64_t packed_bytes(const ImageFormat& format) {
  const uint64_t pixels = static_cast<uint64_t>(format.width) * static_cast<uint64_t>(format.height);
  if (format.pixels == PixelFormat::Rgba) return pixels * kPixel;
  return pixels +
         2 * static_cast<uint64_t>(half_up(format.width)) * static_cast<uint64_t>(half_up(format.height));
}

Result<Boxes> image_boxes(const ImageFormat& format, const ImageTarget& target, const PreprocessSpec& spec) {
  constexpr int kMaxSide = Preprocessor::kMaxSide;
  const int width = format.width, height = format.height;
  if (width <= 0 || height <= 0 || width > kMaxSide || height > kMaxSide) {
    return fail(ErrorCode::BadImage, "an image of %d x %d pixels; each side must have 1 to %d", width, height,
                kMaxSide);
  }
  const Shape& shape = target.shape;
  const bool image_shape = shape.rank() == 4 && shape[0] == 1 && (shape[3] == 1 || shape[3] == 3);
  if (!image_shape || shape[1] < 1 || shape[2] < 1 || shape[1] > kMaxSide || shape[2] > kMaxSide) {
    return fail(ErrorCode::ShapeMismatch,
                "an image goes into [1,height,width,3] or [1,height,width,1], not %s",
                shape.to_string().c_str());
  }
  if (target.dtype != DType::F32 && target.dtype != DType::I32 && target.dtype != DType::I8) {
    return fail(ErrorCode::TypeMismatch, "an image goes into f32, i32 or i8, not %s",
                dtype_name(target.dtype));
  }
  const auto& [scale, zero_point] = target.quantization;
  if (!(scale > 0 && std::isfinite(scale)) || zero_point < 0 || zero_point > kMaxCode) {
    return fail(ErrorCode::InvalidArgument,
                "codes of scale %g and zero point %d; the scale must be positive, the zero point 0 to %d",
                double{scale}, zero_point, kMaxCode);
  }
  if (!(spec.crop > 0 && spec.crop <= 1)) {
    return fail(ErrorCode::InvalidArgument, "a crop of %g; it must be above 0 and at most 1", spec.crop);
  }
  return Boxes{source_box(width, height, shape[2], shape[1], spec),
               target_box(width, height, shape[2], shape[1], spec.fit)};
}

Result<Preprocessor> Preprocessor::create(const ImageFormat& format, const ImageTarget& target,
                                          const PreprocessSpec& spec) {
  TRY_ASSIGN(const Boxes boxes, image_boxes(format, target, spec));
  const auto& [from, to] = boxes;
  Preprocessor made;
  made.format_ = format;
  made.target_ = target;
  made.normalisation_ = spec.normalisation;
  made.out_x_ = to.x;
  made.out_y_ = to.y;
  made.pixels_ = {make_axis(from.x, from.width, to.width), make_axis(from.y, from.height, to.height)};
  const bool rgba = format.pixels == PixelFormat::Rgba;
  if (!rgba) {
    made.chroma_ = {make_axis(from.x / 2.0, from.width / 2.0, to.width),
                    make_axis(from.y / 2.0, from.height / 2.0, to.height)};
    made.matrix_ = yuv_to_rgb(format.colours);
  }
  if (target.dtype != DType::F32) {
    for (int channel = 0; channel < 3; ++channel) {
      for (int byte = 0; byte < 256; ++byte) {
        const float value = made.normalise(static_cast<float>(byte), channel);
        made.codes_.push_back(target.dtype == DType::I8 ? made.encode<int8_t>(value)
                                                        : made.encode<int32_t>(value));
      }
    }
  }
  const int longest = std::max(made.pixels_.horizontal.count * (rgba ? 4 : 1), to.width * 4);
  made.line_bytes_ = static_cast<size_t>(align_up(static_cast<uint64_t>(longest), kRowSlack)) + kRowSlack;
  TRY_ASSIGN(made.lines_, Buffer::allocate(kLines * made.line_bytes_));
  std::memset(made.lines_.data(), 0, made.lines_.size());
  if (rgba) {
    const auto taps = static_cast<uint64_t>(made.pixels_.vertical.taps);
    TRY_ASSIGN(made.ring_, Buffer::allocate(2 * taps * made.line_bytes_));
    std::memset(made.ring_.data(), 0, made.ring_.size());
  }
  return made;
}

template <class T>
T* Preprocessor::line(Line index) {
  return reinterpret_cast<T*>(lines_.data() + static_cast<size_t>(index) * line_bytes_);
}

void Preprocessor::make_rgba_line(const ImageView& image, int y) {
  const auto& [horizontal, vertical] = pixels_;
  const auto& [data, stride] = image.planes[0];
  auto* const ring = reinterpret_cast<uint8_t*>(ring_.data());
  const auto ring_bytes = static_cast<size_t>(vertical.taps) * line_bytes_;
  const int first = vertical.first[static_cast<size_t>(y)], end = first + vertical.taps;
  const auto place = [&](int row) { return static_cast<size_t>(row % vertical.taps) * line_bytes_; };
  for (int row = std::max(first, resized_); row < end; ++row) {
    const int source_row = vertical.begin + row;
    const uint8_t* source = data + static_cast<ptrdiff_t>(source_row) * stride +
                            static_cast<ptrdiff_t>(horizontal.begin) * static_cast<ptrdiff_t>(kPixel);
    // The kernel reads beyond the row: into the next one, but for the last.
    if (source_row + 1 == format_.height) {
      std::memcpy(line(kSource), source, static_cast<size_t>(horizontal.count) * kPixel);
      source = line(kSource);
    }
    uint8_t* resized = ring + place(row);
    resize_rgbx(source, horizontal, resized);
    std::memcpy(resized + ring_bytes, resized, static_cast<size_t>(horizontal.size) * kPixel);
  }
  resized_ = end;
  blend_rows(ring + place(first), static_cast<ptrdiff_t>(line_bytes_),
             static_cast<size_t>(horizontal.size) * kPixel, vertical, y, line(kPixels));
}

void Preprocessor::make_line(const ImageView& image, int y) {
  if (format_.pixels == PixelFormat::Rgba) return make_rgba_line(image, y);
  const auto blend = [&](int index, const Resize& resize, int channels, Line out) {
    const auto& [data, stride] = image.planes[index];
    const ptrdiff_t row = resize.vertical.begin + resize.vertical.first[static_cast<size_t>(y)];
    const ptrdiff_t first = row * stride + static_cast<ptrdiff_t>(resize.horizontal.begin) * channels;
    blend_rows(data + first, stride, static_cast<size_t>(resize.horizontal.count * channels), resize.vertical,
               y, line(out));
  };
  blend(0, pixels_, 1, kSource);
  resize_luma(line(kSource), pixels_.horizontal, line<int16_t>(kLuma));
  if (format_.pixels == PixelFormat::Nv12) {
    blend(1, chroma_, 2, kSource);
  } else {
    blend(1, chroma_, 1, kSourceU);
    blend(2, chroma_, 1, kSourceV);
    interleave(line(kSourceU), line(kSourceV), static_cast<size_t>(chroma_.horizontal.count), line(kSource));
  }
  resize_chroma(line(kSource), chroma_.horizontal, line<int16_t>(kChromaU), line<int16_t>(kChromaV));
  yuv_to_rgbx(line<int16_t>(kLuma), line<int16_t>(kChromaU), line<int16_t>(kChromaV), pixels_.horizontal.size,
              matrix_, line(kPixels));
}

float Preprocessor::normalise(float value, int channel) const {
  return value * normalisation_.scale[channel] + normalisation_.offset[channel];
}

template <class T>
T Preprocessor::encode(float value) const {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else if constexpr (std::is_same_v<T, int32_t>) {
    return static_cast<int32_t>(std::lround(value));
  } else {
    const auto& [scale, zero_point] = target_.quantization;
    return to_code(value * (1 / scale), {.zero_point = zero_point});
  }
}

template <class T>
void Preprocessor::write_line(T* out) {
  const uint8_t* pixels = line(kPixels);
  const int count = pixels_.horizontal.size;
  if (target_.shape[3] == 1) {
    for (int x = 0; x < count; ++x, pixels += kPixel) out[x] = encode<T>(normalise(luma(pixels), 0));
  } else if constexpr (std::is_same_v<T, float>) {
    write_floats(pixels, count, normalisation_.scale, normalisation_.offset, out);
  } else {
    write_codes(pixels, count, codes_.data(), out);
  }
}

template <class T>
void Preprocessor::run_as(const ImageView& image, T* output) {
  const Shape& shape = target_.shape;
  const size_t width = static_cast<size_t>(shape[2]), channels = static_cast<size_t>(shape[3]);
  const int rows = pixels_.vertical.size;
  if (pixels_.horizontal.size != shape[2] || rows != shape[1]) {
    const size_t pixels = static_cast<size_t>(shape[1]) * width;
    for (size_t c = 0; c < channels; ++c) {
      const T black = encode<T>(normalise(0, static_cast<int>(c)));
      for (size_t i = 0; i < pixels; ++i) output[i * channels + c] = black;
    }
  }
  resized_ = 0;
  for (int y = 0; y < rows; ++y) {
    make_line(image, y);
    write_line(output + (static_cast<size_t>(out_y_ + y) * width + static_cast<size_t>(out_x_)) * channels);
  }
}

void Preprocessor::run(const ImageView& image, TensorView output) {
  CHECK(image.format == format_);
  CHECK(output.dtype == target_.dtype && output.shape == target_.shape);
  switch (target_.dtype) {
    case DType::I8:
      return run_as(image, output.as<int8_t>());
    case DType::I32:
      return run_as(image, output.as<int32_t>());
    default:
      return run_as(image, output.as<float>());
  }
}

}  // namespace linnet

#include "vision/preprocess.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace linnet {
namespace {

constexpr size_t kLanes = 4;  // floats a pixel within lines: one vector, alpha along for the ride

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

float luma(float red, float green, float blue) {
  return 0.299f * red + 0.587f * green + 0.114f * blue;
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
  axis.weights.assign(static_cast<size_t>(size) * static_cast<size_t>(axis.taps), 0.0f);
  for (int i = 0; i < size; ++i) {
    const double centre = begin + (i + 0.5) * scale;
    const Span span = span_of(i);
    const auto weight = [&](int pixel) { return 1 - std::abs(pixel + 0.5 - centre) / reach; };
    double sum = 0;
    for (int k = 0; k < span.count; ++k) sum += weight(span.first + k);
    // All outputs have as many taps; the run of a short one moves back from the edge and has zeros in front.
    const int first = std::min(span.first, limit - axis.taps);
    axis.first[static_cast<size_t>(i)] = first;
    float* weights = &axis.weights[static_cast<size_t>(i) * static_cast<size_t>(axis.taps)];
    for (int k = 0; k < span.count; ++k) {
      weights[span.first - first + k] = static_cast<float>(weight(span.first + k) / sum);
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
  TRY_ASSIGN(made.lines_,
             Buffer::allocate(lines * static_cast<uint64_t>(target.width) * kLanes * sizeof(float)));
  return made;
}

float* Preprocessor::line(int index) {
  return reinterpret_cast<float*>(lines_.data()) +
         static_cast<size_t>(index) * static_cast<size_t>(out_width_) * kLanes;
}

void Preprocessor::resize_row(const uint8_t* row, float* out) const {
  const int taps = horizontal_.taps;
  const float* weights = horizontal_.weights.data();
  for (int x = 0; x < out_width_; ++x, weights += taps, out += kLanes) {
    const uint8_t* pixel = row + static_cast<size_t>(horizontal_.first[static_cast<size_t>(x)]) * 4;
    float sum[kLanes] = {};
    for (int k = 0; k < taps; ++k, pixel += 4) {
      for (size_t c = 0; c < kLanes; ++c) sum[c] += weights[k] * static_cast<float>(pixel[c]);
    }
    for (size_t c = 0; c < kLanes; ++c) out[c] = sum[c];
  }
}

template <class T>
void Preprocessor::write_row(const float* row, T* out) const {
  const auto& [scale, offset] = normalisation_;
  if (shape_[3] == 1) {
    for (int x = 0; x < out_width_; ++x, row += kLanes) {
      store(luma(row[0], row[1], row[2]) * scale[0] + offset[0], out + x);
    }
    return;
  }
  for (int x = 0; x < out_width_; ++x, row += kLanes, out += 3) {
    for (int c = 0; c < 3; ++c) store(row[c] * scale[c] + offset[c], out + c);
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
  const size_t line_floats = static_cast<size_t>(out_width_) * kLanes;
  float* const sum = line(taps);
  int resized_to = 0;  // source rows before this one are in the ring, or no longer needed
  for (int y = 0; y < out_height_; ++y) {
    const int first = vertical_.first[static_cast<size_t>(y)];
    for (int row = std::max(first, resized_to); row < first + taps; ++row) {
      resize_row(image.rgba + static_cast<size_t>(row) * static_cast<size_t>(image.stride), line(row % taps));
    }
    resized_to = std::max(resized_to, first + taps);

    const float* weights = &vertical_.weights[static_cast<size_t>(y) * static_cast<size_t>(taps)];
    std::memset(sum, 0, line_floats * sizeof(float));
    for (int k = 0; k < taps; ++k) {
      const float* source = line((first + k) % taps);
      const float weight = weights[k];
      for (size_t i = 0; i < line_floats; ++i) sum[i] += weight * source[i];
    }
    const size_t at =
        static_cast<size_t>(out_y_ + y) * static_cast<size_t>(shape_[2]) + static_cast<size_t>(out_x_);
    write_row(sum, output + at * channels);
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

// From pixels to a model's input: crop, antialiased resize, channel order, normalisation, in one call.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "graph/type.h"

namespace linnet {

// Which part of the image the input shows. Boxes are whole pixels.
enum class Fit : uint8_t {
  Crop,  // the largest centred box of the input's aspect ratio, times `crop`: for a square input the centre
         // square
  Stretch,    // the whole image, aspect ratio ignored
  Letterbox,  // the whole image, aspect ratio kept, centred on black
};
// "crop", "stretch", "letterbox"; false when there is no such name.
bool fit_from_name(std::string_view name, Fit* out);

// How pixel values become inputs: x * scale + offset per channel, with x in 0..255. A one-channel input uses
// the first.
struct Normalisation {
  float scale[3];
  float offset[3];
};
// "unit" or "01" (x/255), "pm1" (x/127.5 - 1), "imagenet" ((x/255 - mean) / deviation of ImageNet's
// channels), "raw" (0..255); false when there is no such name.
bool normalisation_from_name(std::string_view name, Normalisation* out);

struct PreprocessSpec {
  Fit fit = Fit::Crop;
  float crop = 0.875f;  // fraction of the box's sides, 0 < crop <= 1
  Normalisation normalisation = {{1, 1, 1}, {0, 0, 0}};
};

// Alpha is ignored: the colours of a transparent pixel count as they are.
struct ImageView {
  const uint8_t* rgba;  // 4 bytes a pixel
  int width;
  int height;
  int stride;  // bytes from row to row
};

// Holds the filter tables and line buffers for one image size, output shape and spec, so that frames allocate
// nothing.
//
// The resize is separable, horizontal then vertical, with a triangle filter whose support grows with the
// downscale ratio (each output averages about as many pixels as it covers); upscaling it is bilinear
// interpolation. Filters do not reach over the edge of the box. Weights are fixed-point and each direction
// rounds to 8 bits, as in the image libraries that models are trained and measured with; the same pixels come
// out on every target.
class Preprocessor {
 public:
  // An image or input may have so many pixels on a side.
  static constexpr int kMaxSide = 1 << 14;

  // `output` is [1,H,W,3] (RGB) or [1,H,W,1] (luma: .299 .587 .114), f32 or i32 (rounded to nearest). Fails
  // with ShapeMismatch or TypeMismatch for another output, BadImage for an image without pixels or above
  // kMaxSide on a side, InvalidArgument for a crop outside (0, 1], and OutOfMemory.
  static Result<Preprocessor> create(int width, int height, DType dtype, const Shape& output,
                                     const PreprocessSpec& spec);
  // Fills `output`, of the dtype and shape given to create, from an image of the size given to create.
  // Allocates nothing.
  void run(const ImageView& image, TensorView output);

  int width() const { return width_; }
  int height() const { return height_; }

  // The weights of two neighbouring taps, in the halves of each word: the upper and the lower 11 bits of
  // weights in units of 2^-22.
  struct PairWeights {
    int32_t high, low;
  };

 private:
  Preprocessor() = default;
  // Contributions along an axis: output i is the sum over k < taps of source[first[i] + k] times weight k of
  // its pairs, which sum to about 1. `first` never decreases.
  struct Axis {
    int taps = 0;
    std::vector<int> first;
    std::vector<PairWeights> weights;  // (taps + 1) / 2 for each output
  };
  // `size` outputs over the source pixels [begin, begin + length).
  static Axis make_axis(int begin, int length, int size);
  uint8_t* line(int index);
  void resize_row(const uint8_t* row, uint8_t* out) const;
  // Sums the ring's lines for output line y, to 8 bits, into `out`, in whole vectors.
  void blend_lines(int y, uint8_t* out);
  template <class T>
  void write_row(const uint8_t* row, T* out) const;
  template <class T>
  void run_as(const ImageView& image, T* output);

  int width_ = 0, height_ = 0;
  int out_x_ = 0, out_y_ = 0, out_width_ = 0, out_height_ = 0;  // where pixels land within the output
  Normalisation normalisation_{};
  DType dtype_ = DType::F32;
  Shape shape_;
  Axis horizontal_, vertical_;
  // A ring of vertical_.taps lines resized horizontally, and behind it a finished line; 4 bytes a pixel.
  Buffer lines_;
  size_t line_bytes_ = 0;
};

}  // namespace linnet

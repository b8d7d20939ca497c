// From pixels to a model's input: crop, antialiased resize, conversion to RGB, normalisation, in one call.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "graph/quantization.h"
#include "graph/type.h"
#include "vision/axis.h"
#include "vision/rows.h"

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

enum class PixelFormat : uint8_t {
  Rgba,  // 4 bytes a pixel; alpha is ignored: the colours of a transparent pixel count as they are
  I420,  // planes Y, U and V; U and V have a sample for each 2 x 2 pixels, rounded up
  Nv12,  // a plane Y, and one with U and V in turn
};

// What Y, U and V stand for: the matrix of BT.601 (also bt470bg, smpte170m) or BT.709, and whether they span
// 0..255 or 16..235 (chroma 16..240). The default is what WebCodecs takes where a frame does not say.
enum class YuvMatrix : uint8_t { Bt601, Bt709 };
struct ColourSpace {
  YuvMatrix matrix = YuvMatrix::Bt709;
  bool full_range = false;
  bool operator==(const ColourSpace&) const = default;
};

struct ImageFormat {
  int width;
  int height;
  PixelFormat pixels = PixelFormat::Rgba;
  ColourSpace colours = {};  // unless RGBA
  bool operator==(const ImageFormat&) const = default;
};

struct Plane {
  const uint8_t* data;
  int stride;  // bytes from row to row
};
struct ImageView {
  ImageFormat format;
  Plane planes[3];  // as many as the format has
};

// An image whose planes and rows follow each other without gaps, and its size.
ImageView packed_view(const ImageFormat& format, const uint8_t* data);
uint64_t packed_bytes(const ImageFormat& format);

// The input to fill: [1,H,W,3] (RGB) or [1,H,W,1] (luma: .299 .587 .114).
//   f32  the normalised value, x * scale + offset
//   i32  that, rounded to nearest
//   i8   its code by `quantization`, as the op `quantize` makes of it
struct ImageTarget {
  DType dtype;
  Shape shape;
  Quantization quantization = {};
};

// Which pixels of an image, in whole pixels, become which of the target.
struct Box {
  int x, y, width, height;
};
struct Boxes {
  Box from, to;
};
// Fails with ShapeMismatch or TypeMismatch for a target that is none, BadImage for an image without pixels or
// above Preprocessor::kMaxSide on a side, InvalidArgument for a crop outside (0, 1] or for a scale or zero
// point that no code has.
Result<Boxes> image_boxes(const ImageFormat& format, const ImageTarget& target, const PreprocessSpec& spec);

// Holds the filter tables and line buffers for one image format, target and spec, so that frames allocate
// nothing.
//
// The resize is separable, with the filter of `make_axis`: it does not reach over the edge of the box.
// Weights are fixed-point. RGBA is resized horizontally, then vertically, and rounded to 8 bits after each,
// as in the image libraries that models are trained and measured with; planes are cheaper the other way
// round.
//
// Y, U and V are resized each on its own, and converted to RGB of 8 bits at the target's size: no full-size
// RGB image exists, and as the conversion is linear up to clamping it may as well come last. Chroma samples
// lie in the middle of their 2 x 2 pixels (as in JPEG and MPEG-1; frames do not say, and a quarter of a
// chroma sample is little after a resize). Planes are rounded to 8 bits after the vertical direction and to
// kYuvFraction more after the horizontal one, and the matrix has 13 bits after the point.
//
// All of it is arithmetic of whole numbers but for the normalisation, one product and one sum in float: the
// same input comes out on every target.
class Preprocessor {
 public:
  // An image or input may have so many pixels on a side.
  static constexpr int kMaxSide = 1 << 14;

  // Fails as image_boxes does, and with OutOfMemory.
  static Result<Preprocessor> create(const ImageFormat& format, const ImageTarget& target,
                                     const PreprocessSpec& spec);
  // Fills `output`, of the target's dtype and shape, from an image of the format given to create. Allocates
  // nothing.
  void run(const ImageView& image, TensorView output);

  const ImageFormat& format() const { return format_; }

 private:
  // What samples of one size have: the tables of both directions.
  struct Resize {
    Axis horizontal, vertical;
  };
  // Slices of lines_.
  enum Line { kSource, kSourceU, kSourceV, kLuma, kChromaU, kChromaV, kPixels, kLines };

  Preprocessor() = default;
  template <class T = uint8_t>
  T* line(Line index);
  // Resizes and converts to output line y: four bytes a pixel in kPixels. Lines are made from the top down.
  void make_line(const ImageView& image, int y);
  void make_rgba_line(const ImageView& image, int y);
  float normalise(float value, int channel) const;
  template <class T>
  T encode(float value) const;
  template <class T>
  void write_line(T* out);
  template <class T>
  void run_as(const ImageView& image, T* output);

  ImageFormat format_{};
  ImageTarget target_{};
  Normalisation normalisation_{};
  int out_x_ = 0, out_y_ = 0;  // where pixels land within the output
  Resize pixels_;              // of RGBA or Y
  Resize chroma_;
  YuvToRgb matrix_{};
  std::vector<int32_t> codes_;  // of each byte, for three channels, where the target is not f32
  Buffer lines_;
  size_t line_bytes_ = 0;
  // Rows of RGBA, resized horizontally, that the next line may need: a ring of as many as the vertical axis
  // has taps, twice in a row, so that those of one line follow each other.
  Buffer ring_;
  int resized_ = 0;  // rows before this one are in the ring, or no longer needed
};

}  // namespace linnet

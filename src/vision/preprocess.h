// From pixels to a model's input: crop, antialiased resize, channel order, normalisation, in one call.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "graph/type.h"

namespace linnet {

enum class Fit : uint8_t {
  Crop,       // the centre square of `crop` times the shorter side, then resized
  Stretch,    // the whole image, aspect ignored
  Letterbox,  // the whole image, aspect kept, centred on zeros (after normalisation: black pixels)
};

// How pixel values become inputs: (x / 255 - mean) / std per channel, as `x * scale + offset` with x in 0..255.
struct Normalisation {
  float scale[3];
  float offset[3];
};
// "unit" (x/255), "pm1" (x/127.5 - 1), "imagenet" (torchvision's mean and deviation), "raw" (0..255); false when there
// is no such name.
bool normalisation_from_name(std::string_view name, Normalisation* out);

struct PreprocessSpec {
  Fit fit = Fit::Crop;
  float crop = 0.875f;  // fraction of the shorter side, 0 < crop <= 1
  Normalisation normalisation;
};

struct ImageView {
  const uint8_t* rgba;  // 4 bytes a pixel
  int width;
  int height;
  int stride;  // bytes from row to row
};

// Holds the filter tables and line buffers for one input size, output shape and spec, so that frames allocate nothing.
class Preprocessor {
 public:
  // `output` is [1,H,W,3] or [1,H,W,1] (luma: .299 .587 .114), f32 or i32. Fails with ShapeMismatch for another shape
  // and BadImage for an image without pixels or above 1 << 14 on a side.
  static Result<Preprocessor> create(int width, int height, DType dtype, const Shape& output,
                                     const PreprocessSpec& spec);
  // Fills `output`, of the dtype and shape given to create, from an image of the size given to create.
  void run(const ImageView& image, TensorView output);

  int width() const { return width_; }
  int height() const { return height_; }

 private:
  Preprocessor() = default;
  // One output line's contributions along an axis: output i is the sum of source[first[i] + k] * weights[i * taps + k].
  struct Axis {
    int taps = 0;
    std::vector<int> first;
    std::vector<float> weights;
  };
  static Axis make_axis(double source_begin, double source_size, int source_limit, int size);

  int width_ = 0, height_ = 0;
  int out_x_ = 0, out_y_ = 0, out_width_ = 0, out_height_ = 0;  // where pixels land within the output
  PreprocessSpec spec_;
  DType dtype_ = DType::F32;
  Shape shape_;
  Axis horizontal_, vertical_;
  std::vector<float> lines_;
};

}  // namespace linnet

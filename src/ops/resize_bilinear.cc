// resize_bilinear(x[N,H,W,C]) to size = [H',W'], as TensorFlow's ResizeBilinear: align_corners maps corner to
// corner, half_pixel_centers maps centres, neither maps the top left corner; no antialiasing. Codes (i8) are
// interpolated with weights of 2048ths, and rounded half up.
#include <algorithm>
#include <cmath>

#include "ops/definitions.h"
#include "ops/resize.h"
#include "ops/window.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {{Attr::size, AttrType::Ints, true, 2},
                              {Attr::align_corners, AttrType::Bool},
                              {Attr::half_pixel_centers, AttrType::Bool}};

Result<void> infer(const InferContext& context) {
  TRY(expect_f32_or_codes(context, 0, 4));
  const Shape& x = context.shape(0);
  const std::span<const int64_t> size = context.node.attrs.get_ints(Attr::size);
  if (size[0] < 1 || size[1] < 1 || x[1] < 1 || x[2] < 1)
    return fail(ErrorCode::ShapeMismatch, "cannot resize %s to %lldx%lld", x.to_string().c_str(),
                static_cast<long long>(size[0]), static_cast<long long>(size[1]));
  const int64_t dims[] = {x[0], size[0], size[1], x[3]};
  return context.set_output(context.dtype(0), dims);
}

float interpolate(float top_left, float top_right, float bottom_left, float bottom_right, const ResizeTap& v,
                  const ResizeTap& h) {
  const double fx = static_cast<double>(h.fraction), fy = static_cast<double>(v.fraction);
  const double top = static_cast<double>(top_left) * (1 - fx) + static_cast<double>(top_right) * fx;
  const double bottom = static_cast<double>(bottom_left) * (1 - fx) + static_cast<double>(bottom_right) * fx;
  return static_cast<float>(top * (1 - fy) + bottom * fy);
}

int8_t interpolate(int8_t top_left, int8_t top_right, int8_t bottom_left, int8_t bottom_right,
                   const ResizeTap& v, const ResizeTap& h) {
  const int32_t fx = resize_weight(h), fy = resize_weight(v);
  const int32_t top = top_left * (kResizeOne - fx) + top_right * fx;
  const int32_t bottom = bottom_left * (kResizeOne - fx) + bottom_right * fx;
  constexpr int32_t kOne = kResizeOne * kResizeOne;
  return static_cast<int8_t>((top * (kResizeOne - fy) + bottom * fy + kOne / 2) / kOne);
}

template <class T>
void resize(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const TensorView& y = context.outputs[0];
  const int32_t channels = x.shape[3];
  T* out = y.as<T>();
  for (int32_t n = 0; n < y.shape[0]; ++n)
    for (int32_t oy = 0; oy < y.shape[1]; ++oy) {
      const ResizeTap v = resize_tap(context.attrs, oy, x.shape[1], y.shape[1]);
      for (int32_t ox = 0; ox < y.shape[2]; ++ox) {
        const ResizeTap h = resize_tap(context.attrs, ox, x.shape[2], y.shape[2]);
        const auto pixel = [&](int32_t iy, int32_t ix, int32_t c) {
          return x.as<T>()[((int64_t{n} * x.shape[1] + iy) * x.shape[2] + ix) * channels + c];
        };
        for (int32_t c = 0; c < channels; ++c)
          *out++ = interpolate(pixel(v.low, h.low, c), pixel(v.low, h.high, c), pixel(v.high, h.low, c),
                               pixel(v.high, h.high, c), v, h);
      }
    }
}

void reference(const ReferenceContext& context) {
  context.inputs[0].dtype == DType::I8 ? resize<int8_t>(context) : resize<float>(context);
}

int64_t macs(const Node& node, const Graph& graph) {
  return graph.value(node.outputs[0]).shape.elements() * 4;
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[1,5,7,6]
%y = resize_bilinear(%x) {size=[10,14], half_pixel_centers=true}
output %y)",
    R"(input %x: f32[1,5,7,6]
%y = resize_bilinear(%x) {size=[9,13], align_corners=true}
output %y)",
    R"(input %x: f32[2,8,9,3]
%y = resize_bilinear(%x) {size=[5,4]}
output %y)",
    R"(input %x: i8[2,5,7,18]
%y = resize_bilinear(%x) {size=[10,28], half_pixel_centers=true}
output %y)",
    R"(input %x: f32[1,1,1,21]
%y = resize_bilinear(%x) {size=[4,4], align_corners=true}
output %y)",
};

}  // namespace

ResizeTap resize_tap(const Attrs& attrs, int32_t at, int32_t input, int32_t output) {
  const bool corners = attrs.get_bool(Attr::align_corners, false);
  const float scale = corners && output > 1 ? static_cast<float>(input - 1) / static_cast<float>(output - 1)
                                            : static_cast<float>(input) / static_cast<float>(output);
  const float position = attrs.get_bool(Attr::half_pixel_centers, false)
                             ? std::max(0.0f, (static_cast<float>(at) + 0.5f) * scale - 0.5f)
                             : static_cast<float>(at) * scale;
  const int32_t low = std::min(static_cast<int32_t>(position), input - 1);
  return {low, std::min(low + 1, input - 1), position - static_cast<float>(low)};
}

constinit const OpDef k_resize_bilinear{
    "resize_bilinear", 1, 1, 1, kAttrs, kTraitNone, 1e-5f, infer, reference, macs, LINNET_CASES(kCases)};

}  // namespace linnet

// resize_bilinear(x[N,H,W,C]) to size = [H',W'], as TensorFlow's ResizeBilinear: align_corners maps corner to
// corner, half_pixel_centers maps centres, neither maps the top left corner; no antialiasing.
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
  TRY(expect_f32(context, 0, "the input", 4));
  const Shape& x = context.shape(0);
  const std::span<const int64_t> size = context.node.attrs.get_ints(Attr::size);
  if (size[0] < 1 || size[1] < 1 || x[1] < 1 || x[2] < 1)
    return fail(ErrorCode::ShapeMismatch, "cannot resize %s to %lldx%lld", x.to_string().c_str(),
                static_cast<long long>(size[0]), static_cast<long long>(size[1]));
  const int64_t dims[] = {x[0], size[0], size[1], x[3]};
  return context.set_output(DType::F32, dims);
}

void reference(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const TensorView& y = context.outputs[0];
  const int32_t channels = x.shape[3];
  float* out = y.as<float>();
  for (int32_t n = 0; n < y.shape[0]; ++n)
    for (int32_t oy = 0; oy < y.shape[1]; ++oy) {
      const ResizeTap v = resize_tap(context.attrs, oy, x.shape[1], y.shape[1]);
      for (int32_t ox = 0; ox < y.shape[2]; ++ox) {
        const ResizeTap h = resize_tap(context.attrs, ox, x.shape[2], y.shape[2]);
        const auto pixel = [&](int32_t iy, int32_t ix, int32_t c) {
          return static_cast<double>(
              x.as<float>()[((int64_t{n} * x.shape[1] + iy) * x.shape[2] + ix) * channels + c]);
        };
        for (int32_t c = 0; c < channels; ++c) {
          const double fx = static_cast<double>(h.fraction), fy = static_cast<double>(v.fraction);
          const double top = pixel(v.low, h.low, c) * (1 - fx) + pixel(v.low, h.high, c) * fx;
          const double bottom = pixel(v.high, h.low, c) * (1 - fx) + pixel(v.high, h.high, c) * fx;
          *out++ = static_cast<float>(top * (1 - fy) + bottom * fy);
        }
      }
    }
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

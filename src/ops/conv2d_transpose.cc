// conv2d_transpose(x[N,H,W,I], w[kh,kw,O,I], bias[O]?) -> [N,output_shape,O]: the gradient of conv2d to its
// input, as TensorFlow's Conv2DBackpropInput. strides and pads are those of the convolution that it
// transposes.
#include "ops/definitions.h"
#include "ops/window.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {kStridesAttr, kPadsAttr, {Attr::output_shape, AttrType::Ints, true, 2}};

Result<void> infer(const InferContext& context) {
  TRY(expect_image_and_kernel(context, 3));
  const Shape& x = context.shape(0);
  const Shape& w = context.shape(1);
  TRY(expect_bias(context, 2, w[2]));
  const std::span<const int64_t> size = context.node.attrs.get_ints(Attr::output_shape);
  TRY_ASSIGN(const Shape output, Shape::make(std::array{int64_t{x[0]}, size[0], size[1], int64_t{w[2]}},
                                             DType::F32, "the output"));
  TRY_ASSIGN(const Window window, make_window(context.node.attrs, output, w[0], w[1]));
  if (window.y.output != x[1] || window.x.output != x[2])
    return fail(ErrorCode::ShapeMismatch,
                "an output of %lldx%lld has a convolution of %dx%d, the input is %dx%d",
                static_cast<long long>(size[0]), static_cast<long long>(size[1]), window.y.output,
                window.x.output, x[1], x[2]);
  return context.set_output(DType::F32, output);
}

// Gathers, so that one output is one double sum; the definition scatters.
void reference(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const TensorView& w = context.inputs[1];
  const TensorView& y = context.outputs[0];
  const float* bias = context.inputs.size() > 2 ? context.inputs[2].as<float>() : nullptr;
  const Window window = window_of(context.attrs, y.shape, w.shape[0], w.shape[1]);
  const int32_t channels = x.shape[3], filters = w.shape[2];
  float* out = y.as<float>();
  for (int32_t n = 0; n < y.shape[0]; ++n)
    for (int32_t oy = 0; oy < y.shape[1]; ++oy)
      for (int32_t ox = 0; ox < y.shape[2]; ++ox)
        for (int32_t o = 0; o < filters; ++o) {
          double sum = bias != nullptr ? static_cast<double>(bias[o]) : 0;
          for (int32_t ky = 0; ky < window.y.kernel; ++ky)
            for (int32_t kx = 0; kx < window.x.kernel; ++kx) {
              const int32_t ty = oy + window.y.pad_before - ky, tx = ox + window.x.pad_before - kx;
              if (ty < 0 || tx < 0 || ty % window.y.stride != 0 || tx % window.x.stride != 0) continue;
              const int32_t iy = ty / window.y.stride, ix = tx / window.x.stride;
              if (iy >= x.shape[1] || ix >= x.shape[2]) continue;
              const float* pixel =
                  x.as<float>() + ((int64_t{n} * x.shape[1] + iy) * x.shape[2] + ix) * channels;
              const float* taps =
                  w.as<float>() + ((int64_t{ky} * window.x.kernel + kx) * filters + o) * channels;
              for (int32_t c = 0; c < channels; ++c)
                sum += static_cast<double>(pixel[c]) * static_cast<double>(taps[c]);
            }
          *out++ = static_cast<float>(sum);
        }
}

int64_t macs(const Node& node, const Graph& graph) {
  const Shape& w = graph.value(node.inputs[1]).shape;
  return graph.value(node.inputs[0]).shape.elements() * w[0] * w[1] * w[2];
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[1,4,5,6]
const %w: f32[2,2,9,6] = random(1)
const %b: f32[9] = random(2)
%y = conv2d_transpose(%x, %w, %b) {strides=[2,2], output_shape=[8,10], epilogue=relu($0)}
output %y)",
    R"(input %x: f32[2,4,3,3]
const %w: f32[3,3,4,3] = random(3)
%y = conv2d_transpose(%x, %w) {strides=[2,2], pads=[0,1,0,1], output_shape=[8,6]}
output %y)",
    R"(input %x: f32[1,3,4,2]
const %w: f32[4,3,5,2] = random(4)
%y = conv2d_transpose(%x, %w) {strides=[3,1], pads=[1,0,1,1], output_shape=[9,4]}
output %y)",
    R"(input %x: f32[1,3,3,8]
const %w: f32[2,2,1,8] = random(5)
const %b: f32[1] = random(6)
%y = conv2d_transpose(%x, %w, %b) {strides=[3,3], output_shape=[8,9]}
output %y)",
};

}  // namespace

constinit const OpDef k_conv2d_transpose{
    "conv2d_transpose", 2, 3, 1, kAttrs, kTraitEpilogue, 1e-5f, infer, reference, macs, LINNET_CASES(kCases)};

}  // namespace linnet

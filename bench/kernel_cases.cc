#include "bench/kernel_cases.h"

#include <cstdarg>
#include <cstdio>

namespace linnet::bench {

namespace {

[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...) {
  char text[1000];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text, sizeof text, pattern, arguments);
  va_end(arguments);
  return text;
}

struct Image {
  int height, width, channels;
};

// TensorFlow's SAME padding as pads={top,left,bottom,right} would have it: for odd windows and even strides
// of 2 the larger half comes last.
std::string pads(const Image& in, int window, int stride, int dilation) {
  const auto total = [&](int size) {
    const int reach = (window - 1) * dilation + 1, steps = (size + stride - 1) / stride;
    const int needed = (steps - 1) * stride + reach - size;
    return needed > 0 ? needed : 0;
  };
  const int y = total(in.height), x = total(in.width);
  return format("strides=[%d,%d], dilations=[%d,%d], pads=[%d,%d,%d,%d]", stride, stride, dilation, dilation,
                y / 2, x / 2, y - y / 2, x - x / 2);
}

std::string size_of(const Image& image) {
  return format("%dx%dx%d", image.height, image.width, image.channels);
}

std::string stride_of(int stride, int dilation) {
  return (stride > 1 ? format(" s%d", stride) : "") + (dilation > 1 ? format(" d%d", dilation) : "");
}

KernelCase conv(Image in, int window, int filters, int stride = 1) {
  return {format("conv2d %dx%d", window, window),
          size_of(in) + format(" -> %d", filters) + stride_of(stride, 1),
          format(R"(input %%x: f32[1,%d,%d,%d]
const %%w: f32[%d,%d,%d,%d] = random(1)
const %%b: f32[%d] = random(2)
%%y = conv2d(%%x, %%w, %%b) {epilogue=relu6($0), )",
                 in.height, in.width, in.channels, window, window, in.channels, filters, filters) +
              pads(in, window, stride, 1) + "}\noutput %y"};
}

KernelCase conv_i8(Image in, int window, int filters, int stride = 1) {
  return {format("quantized_conv2d %dx%d", window, window),
          size_of(in) + format(" -> %d", filters) + stride_of(stride, 1),
          format(R"(input %%x: i8[1,%d,%d,%d]
const %%w: i8[%d,%d,%d,%d] = random(1)
const %%b: i32[%d] = random(2)
const %%m: f32[%d] = splat(0.001)
%%y = quantized_conv2d(%%x, %%w, %%b, %%m) {input_zero=40, zero=20, )",
                 in.height, in.width, in.channels, window, window, in.channels, filters, filters, filters) +
              pads(in, window, stride, 1) + "}\noutput %y",
          0, 128};
}

KernelCase dynamic(int rows, int depth, int columns) {
  return {"dynamic_matmul", format("%dx%d -> %d", rows, depth, columns),
          format(R"(input %%x: f32[%d,%d]
const %%w: i8[1,1,%d,%d] = random(1)
const %%s: f32[%d] = splat(0.01)
const %%b: f32[%d] = random(2)
%%y = dynamic_matmul(%%x, %%w, %%s, %%b) {epilogue=relu6($0)}
output %%y)",
                 rows, depth, depth, columns, columns, columns)};
}

KernelCase depthwise(Image in, int window, int stride = 1, int dilation = 1) {
  return {format("depthwise_conv2d %dx%d", window, window), size_of(in) + stride_of(stride, dilation),
          format(R"(input %%x: f32[1,%d,%d,%d]
const %%w: f32[%d,%d,%d,1] = random(1)
const %%b: f32[%d] = random(2)
%%y = depthwise_conv2d(%%x, %%w, %%b) {epilogue=relu6($0), )",
                 in.height, in.width, in.channels, window, window, in.channels, in.channels) +
              pads(in, window, stride, dilation) + "}\noutput %y"};
}

KernelCase depthwise_i8(Image in, int window, int stride = 1) {
  return {format("quantized_depthwise_conv2d %dx%d", window, window), size_of(in) + stride_of(stride, 1),
          format(R"(input %%x: i8[1,%d,%d,%d]
const %%w: i8[%d,%d,%d,1] = random(1)
const %%b: i32[%d] = random(2)
const %%m: f32[%d] = splat(0.003)
%%y = quantized_depthwise_conv2d(%%x, %%w, %%b, %%m) {input_zero=40, zero=20, )",
                 in.height, in.width, in.channels, window, window, in.channels, in.channels, in.channels) +
              pads(in, window, stride, 1) + "}\noutput %y",
          0, 128};
}

KernelCase dense(int inputs, int outputs) {
  return {"matmul, one row", format("%d -> %d", inputs, outputs),
          format(R"(input %%x: f32[1,%d]
const %%w: f32[%d,%d] = random(1)
%%y = matmul(%%x, %%w)
output %%y)",
                 inputs, inputs, outputs)};
}

// One op that takes an image and nothing else.
KernelCase on_image(const char* family, Image in, const char* detail, const std::string& statement,
                    const char* type = "f32") {
  return {family, size_of(in) + detail,
          format("input %%x: %s[1,%d,%d,%d]\n", type, in.height, in.width, in.channels) + statement +
              "\noutput %y",
          *type == 'i' ? 0.0 : -1.0, *type == 'i' ? 128.0 : 1.0};
}

// One op over two images of the same size.
KernelCase on_images(const char* family, Image in, const std::string& statement, const char* type = "f32") {
  KernelCase made = on_image(family, in, "", statement, type);
  made.graph = format("input %%z: %s[1,%d,%d,%d]\n", type, in.height, in.width, in.channels) + made.graph;
  return made;
}

}  // namespace

std::vector<KernelCase> kernel_cases() {
  return {
      // MobileNetV2 1.0 at 224, from its first block to its last; the last two are MobileNetV1 0.25's.
      conv({112, 112, 32}, 1, 16),
      conv({112, 112, 16}, 1, 96),
      conv({56, 56, 24}, 1, 144),
      conv({56, 56, 144}, 1, 24),
      conv({28, 28, 32}, 1, 192),
      conv({28, 28, 192}, 1, 32),
      conv({14, 14, 64}, 1, 384),
      conv({14, 14, 576}, 1, 96),
      conv({7, 7, 160}, 1, 960),
      conv({7, 7, 960}, 1, 160),
      conv({7, 7, 320}, 1, 1280),
      conv({56, 56, 16}, 1, 32),
      conv({14, 14, 128}, 1, 128),
      // Stems, SqueezeNet's and ResNet-8's.
      conv({224, 224, 3}, 3, 32, 2),
      conv({96, 96, 3}, 3, 8, 2),
      conv({55, 55, 16}, 3, 64),
      conv({32, 32, 16}, 3, 16),
      depthwise({112, 112, 32}, 3),
      depthwise({112, 112, 96}, 3, 2),
      depthwise({56, 56, 144}, 3),
      depthwise({14, 14, 384}, 3),
      depthwise({14, 14, 576}, 3, 2),
      depthwise({7, 7, 960}, 3),
      depthwise({33, 33, 576}, 3, 1, 2),
      depthwise({28, 28, 120}, 5),
      depthwise({56, 56, 72}, 5, 2),
      dense(1280, 1000),
      dense(1024, 1001),
      on_image("conv2d_transpose 2x2", {72, 128, 16}, " -> 16 s2", R"(const %w: f32[2,2,16,16] = random(1)
%y = conv2d_transpose(%x, %w) {strides=[2,2], output_shape=[144,256]})"),
      on_image("max_pool 3x3", {111, 111, 64}, " s2", "%y = max_pool(%x) {kernel=[3,3], strides=[2,2]}"),
      on_image("max_pool 2x2", {64, 64, 64}, " s2", "%y = max_pool(%x) {kernel=[2,2], strides=[2,2]}"),
      on_image("avg_pool 3x3", {56, 56, 64}, "",
               "%y = avg_pool(%x) {kernel=[3,3], strides=[1,1], pads=[1,1,1,1]}"),
      on_image("reduce mean", {7, 7, 1280}, "", "%y = reduce(%x) {mode=mean, axes=[1,2]}"),
      on_image("layer_norm", {1, 128, 512}, "",
               "const %g: f32[512] = random(1)\nconst %b: f32[512] = random(2)\n%y = layer_norm(%x, %g, %b) "
               "{mode=layer, epsilon=0.001}"),
      on_image("softmax", {1, 1, 1001}, "", "%y = softmax(%x)"),
      on_image("softmax", {257, 257, 21}, "", "%y = softmax(%x)"),
      on_image("resize_bilinear", {33, 33, 21}, " -> 257x257",
               "%y = resize_bilinear(%x) {size=[257,257], align_corners=true}"),
      on_images("elementwise add", {56, 56, 24}, "%y = elementwise(%x, %z) {expr=relu6(add($0, $1))}"),
      on_image("elementwise sigmoid", {56, 56, 72}, "", "%y = elementwise(%x) {expr=sigmoid($0)}"),
      on_images("concat", {55, 55, 64}, "%y = concat(%x, %z) {axis=3}"),
      conv_i8({112, 112, 32}, 1, 16),
      conv_i8({112, 112, 16}, 1, 96),
      conv_i8({56, 56, 24}, 1, 144),
      conv_i8({56, 56, 144}, 1, 24),
      conv_i8({28, 28, 32}, 1, 192),
      conv_i8({14, 14, 64}, 1, 384),
      conv_i8({14, 14, 576}, 1, 96),
      conv_i8({7, 7, 160}, 1, 960),
      conv_i8({7, 7, 960}, 1, 160),
      dynamic(1, 1280, 1000),
      dynamic(128, 64, 64),
      dynamic(128, 64, 172),
      dynamic(128, 172, 64),
      dynamic(196, 64, 384),
      dynamic(196, 576, 96),
      dynamic(49, 960, 160),
      conv_i8({224, 224, 3}, 3, 32, 2),
      depthwise_i8({112, 112, 32}, 3),
      depthwise_i8({112, 112, 96}, 3, 2),
      depthwise_i8({14, 14, 384}, 3),
      depthwise_i8({28, 28, 120}, 5),
      on_images("quantized_add", {56, 56, 24},
                "%y = quantized_add(%x, %z) {input_zero=40, input_scale=0.5, other_zero=30, other_scale=0.5, "
                "zero=20}",
                "i8"),
  };
}

}  // namespace linnet::bench

// The reference kernels against answers worked out by hand and against identities that the ops must keep.
#include <gtest/gtest.h>

#include <numeric>

#include "graph/test_graph.h"

namespace linnet {
namespace {

using testing::expect_near;
using testing::iota;
using testing::random_inputs;
using testing::run_text;
using testing::Values;

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

TEST(Conv2d, SumsItsWindowInTwoChannels) {
  // x = 1..8 as 2x2 pixels of 2 channels; the kernel sees a row of two pixels.
  expect_near(run_text(R"(input %x: f32[1,2,2,2]
const %w: f32[1,2,2,1] = [1, 10, 100, 1000]
const %b: f32[1] = [0.5]
%y = conv2d(%x, %w, %b)
output %y)",
                       {iota(8, 1)}),
              {4321.5, 8765.5});
}

// "SAME" with stride 2 on an even input pads only after: the window of output o starts at 2 o.
TEST(Conv2d, PadsAfterAsSameDoes) {
  expect_near(run_text(R"(input %x: f32[1,4,4,1]
const %w: f32[3,3,1,1] = splat(1)
%y = conv2d(%x, %w) {strides=[2,2], pads=[0,1,0,1]}
output %y)",
                       {iota(16, 1)}),
              {1 + 2 + 3 + 5 + 6 + 7 + 9 + 10 + 11, 3 + 4 + 7 + 8 + 11 + 12, 9 + 10 + 11 + 13 + 14 + 15,
               11 + 12 + 15 + 16});
}

TEST(Conv2d, IsCorrelationWithDilation) {
  expect_near(run_text(R"(input %x: f32[1,1,5,1]
const %w: f32[1,2,1,1] = [1, 10]
%y = conv2d(%x, %w) {dilations=[1,3]}
output %y)",
                       {iota(5, 1)}),
              {41, 52});
}

TEST(Conv2d, AppliesItsEpilogueAfterTheBias) {
  expect_near(run_text(R"(input %x: f32[1,1,3,1]
input %r: f32[1,1,3,1]
const %w: f32[1,1,1,1] = [2]
const %b: f32[1] = [-3]
%y = conv2d(%x, %w, %b, %r) {epilogue=relu(add($0, $1))}
output %y)",
                       {{1, 2, 3}, {0.5, 0.5, -9}}),
              {0, 1.5, 0});
}

// Channel c makes outputs c*M .. c*M+M-1.
TEST(DepthwiseConv2d, MultipliesChannels) {
  expect_near(run_text(R"(input %x: f32[1,1,2,2]
const %w: f32[1,2,2,2] = [1, 2, 3, 4, 10, 20, 30, 40]
%y = depthwise_conv2d(%x, %w)
output %y)",
                       {{1, 2, 3, 4}}),
              {1 * 1 + 3 * 10, 1 * 2 + 3 * 20, 2 * 3 + 4 * 30, 2 * 4 + 4 * 40});
}

TEST(Conv2dTranspose, ScattersItsKernel) {
  expect_near(run_text(R"(input %x: f32[1,1,2,1]
const %w: f32[1,3,1,1] = [1, 2, 3]
%y = conv2d_transpose(%x, %w) {strides=[1,2], output_shape=[1,5]}
output %y)",
                       {{1, 10}}),
              {1, 2, 3 + 10, 20, 30});
}

// <conv(x), y> = <x, conv_transpose(y)>: the definition of the transpose, for the same kernel, strides and
// pads.
TEST(Conv2dTranspose, IsTheAdjointOfConv2d) {
  const struct {
    const char *x, *y, *w, *attrs, *size;
  } cases[] = {
      {"[2,8,6,3]", "[2,4,3,5]", "[3,3,3,5]", "strides=[2,2], pads=[0,1,0,1]", "[8,6]"},
      {"[1,9,4,2]", "[1,3,3,4]", "[4,3,2,4]", "strides=[3,1], pads=[1,0,1,0]", "[9,4]"},
      {"[1,8,9,2]", "[1,3,3,3]", "[2,2,2,3]", "strides=[3,3]", "[8,9]"},
      {"[1,5,5,1]", "[1,7,5,2]", "[1,3,1,2]", "strides=[1,1], pads=[1,1,1,1]", "[5,5]"},
  };
  for (const auto& [x, y, w, attrs, size] : cases) {
    const std::string kernel = "const %w: f32" + std::string(w) + " = random(5)\n";
    const Graph forward = testing::parse("input %x: f32" + std::string(x) + "\n" + kernel +
                                         "%y = conv2d(%x, %w) {" + attrs + "}\noutput %y");
    const Graph backward =
        testing::parse("input %y: f32" + std::string(y) + "\n" + kernel + "%x = conv2d_transpose(%y, %w) {" +
                       attrs + ", output_shape=" + size + "}\noutput %x");
    const Values in = random_inputs(forward, 1), out = random_inputs(backward, 2);
    EXPECT_NEAR(dot(testing::run(forward, in)[0], out[0]), dot(in[0], testing::run(backward, out)[0]), 1e-3)
        << attrs;
  }
}

// A depthwise convolution is a convolution whose kernel is 0 between different channels.
TEST(DepthwiseConv2d, IsABlockDiagonalConv2d) {
  const Graph depthwise = testing::parse(R"(input %x: f32[1,5,6,2]
const %w: f32[2,2,2,2] = random(1)
%y = depthwise_conv2d(%x, %w) {strides=[2,1], pads=[1,0,0,1]}
output %y)");
  const Tensor w = depthwise.value(depthwise.find_value("w")).constant;
  std::vector<float> full(2 * 2 * 2 * 4);
  for (size_t tap = 0; tap < 4; ++tap)
    for (size_t c = 0; c < 2; ++c)
      for (size_t m = 0; m < 2; ++m)
        full[(tap * 2 + c) * 4 + c * 2 + m] = w.as<float>()[(tap * 2 + c) * 2 + m];
  Graph conv = testing::parse(R"(input %x: f32[1,5,6,2]
const %w: f32[2,2,2,4] = splat(0)
%y = conv2d(%x, %w) {strides=[2,1], pads=[1,0,0,1]}
output %y)");
  conv.value(conv.find_value("w")).constant = *Tensor::of_f32({2, 2, 2, 4}, full);
  const Values inputs = random_inputs(conv);
  expect_near(testing::run(depthwise, inputs)[0], testing::run(conv, inputs)[0]);
}

TEST(Matmul, TransposesAndBroadcasts) {
  const char* plain = "input %a: f32[2,3]\ninput %b: f32[3,2]\n%y = matmul(%a, %b)\noutput %y";
  expect_near(run_text(plain, {iota(6, 1), {1, 0, 0, 1, 10, 100}}), {31, 302, 64, 605});
  const char* transposed =
      "input %a: f32[3,2]\ninput %b: f32[2,3]\n%y = matmul(%a, %b) {transpose_a=true, "
      "transpose_b=true}\noutput %y";
  expect_near(run_text(transposed, {{1, 4, 2, 5, 3, 6}, {1, 0, 10, 0, 1, 100}}), {31, 302, 64, 605});
  // One matrix on the left for two on the right, and the other way round.
  const char* broadcast = R"(input %a: f32[2,1,1,2]
input %b: f32[3,2,1]
const %c: f32[1] = [0.5]
%y = matmul(%a, %b, %c)
output %y)";
  expect_near(run_text(broadcast, {{1, 2, 3, 4}, {1, 10, 2, 20, 3, 30}}),
              {21.5, 42.5, 63.5, 43.5, 86.5, 129.5});
}

TEST(Matmul, WithoutDepthIsItsBias) {
  const char* text = R"(input %a: f32[2,0]
const %b: f32[0,2] = []
const %c: f32[2] = [3, 4]
%y = matmul(%a, %b, %c)
output %y)";
  expect_near(run_text(text, {{}}), {3, 4, 3, 4});
}

// Only pixels inside count: at a corner one of four, along an edge two.
TEST(Pools, CountOnlyWhatIsInside) {
  const char* average =
      "input %x: f32[1,2,3,1]\n%y = avg_pool(%x) {kernel=[2,2], strides=[2,2], pads=[1,0,1,0]}\noutput %y";
  expect_near(run_text(average, {iota(6, 1)}), {1, 2.5});
  const char* maximum = "input %x: f32[1,2,2,1]\n%y = max_pool(%x) {kernel=[2,2], pads=[1,1,1,1]}\noutput %y";
  expect_near(run_text(maximum, {{-1, -2, -3, -4}}), {-1, -1, -2, -1, -1, -2, -3, -3, -4});
}

TEST(Resize, MapsByItsAttributes) {
  const auto resize = [](const std::string& attrs) {
    return run_text("input %x: f32[1,1,2,1]\n%y = resize_bilinear(%x) {" + attrs + "}\noutput %y", {{0, 6}});
  };
  // Corner to corner; the top left corner; centres to centres.
  expect_near(resize("size=[1,4], align_corners=true"), {0, 2, 4, 6});
  expect_near(resize("size=[1,4]"), {0, 3, 6, 6});
  expect_near(resize("size=[1,4], half_pixel_centers=true"), {0, 1.5, 4.5, 6});
  expect_near(resize("size=[1,1], align_corners=true"), {0});
  expect_near(resize("size=[1,1], half_pixel_centers=true"), {3});
}

// Bilinear interpolation leaves planes as they are.
TEST(Resize, KeepsPlanes) {
  std::vector<double> plane, finer;
  for (int y = 0; y < 3; ++y)
    for (int x = 0; x < 4; ++x) plane.push_back(10 * y + x);
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 7; ++x) finer.push_back(10 * y / 2.0 + x / 2.0);
  expect_near(
      run_text("input %x: f32[1,3,4,1]\n%y = resize_bilinear(%x) {size=[5,7], align_corners=true}\noutput %y",
               {plane}),
      finer);
}

TEST(Softmax, SumsToOneAndIgnoresShifts) {
  const char* text = "input %x: f32[2,3]\n%y = softmax(%x)\noutput %y";
  const auto small = run_text(text, {{0, std::log(2.0), std::log(5.0), -1, -1, -1}});
  expect_near(small, {0.125, 0.25, 0.625, 1 / 3.0, 1 / 3.0, 1 / 3.0});
  expect_near(run_text(text, {{1000, 1000 + std::log(2.0), 1000 + std::log(5.0), -1e30, -1e30, -1e30}}),
              {run_text(text, {{1000, 1000 + std::log(2.0), 1000 + std::log(5.0), 0, 0, 0}})});
  const auto huge = run_text(text, {{1e30, -1e30, 0, 88, 89, 90}});
  EXPECT_EQ(huge[0], 1);
  EXPECT_NEAR(huge[3] + huge[4] + huge[5], 1, 1e-6);
}

TEST(BatchNorm, NormalisesEachChannel) {
  expect_near(run_text(R"(input %x: f32[2,2]
const %gamma: f32[2] = [2, 1]
const %beta: f32[2] = [10, 20]
const %mean: f32[2] = [1, -1]
const %variance: f32[2] = [3, 0]
%y = batch_norm(%x, %gamma, %beta, %mean, %variance) {epsilon=1}
output %y)",
                       {{1, 0, 3, 4}}),
              {10, 21, 12, 25});
}

TEST(Reduce, FoldsItsAxes) {
  const auto reduce = [](const std::string& attrs) {
    return run_text("input %x: f32[2,3]\n%y = reduce(%x) {" + attrs + "}\noutput %y", {{1, -2, 3, 4, 5, -6}});
  };
  expect_near(reduce("mode=sum, axes=[0]"), {5, 3, -3});
  expect_near(reduce("mode=sum, axes=[1]"), {2, 3});
  expect_near(reduce("mode=mean, axes=[]"), {5 / 6.0});
  expect_near(reduce("mode=max, axes=[1], keep_dims=true"), {3, 5});
  expect_near(reduce("mode=min, axes=[0,1]"), {-6});
  expect_near(reduce("mode=prod, axes=[1]"), {-6, -120});
}

TEST(Movements, PutElementsWhereTheySay) {
  const auto move = [](const std::string& shape, const std::string& op) {
    int64_t count = 1;
    for (size_t at = 1; at < shape.size(); at += 2) count *= shape[at] - '0';
    return run_text("input %x: f32" + shape + "\n%y = " + op + "\noutput %y",
                    {iota(static_cast<size_t>(count), 1)});
  };
  expect_near(move("[2,3]", "transpose(%x) {perm=[1,0]}"), {1, 4, 2, 5, 3, 6});
  expect_near(move("[1,2,3]", "transpose(%x) {perm=[2,0,1]}"), {1, 4, 2, 5, 3, 6});
  expect_near(move("[6]", "slice(%x) {begin=[4], size=[3], strides=[-2]}"), {5, 3, 1});
  expect_near(move("[2,3]", "slice(%x) {begin=[0,1], size=[2,2]}"), {2, 3, 5, 6});
  expect_near(move("[2,2]", "concat(%x, %x) {axis=1}"), {1, 2, 1, 2, 3, 4, 3, 4});
  expect_near(move("[2,2]", "concat(%x, %x) {axis=0}"), {1, 2, 3, 4, 1, 2, 3, 4});
  expect_near(move("[3]", "pad(%x) {pads=[1,2], value=9}"), {9, 1, 2, 3, 9, 9});
  expect_near(move("[3]", "pad(%x) {pads=[2,1], mode=reflect}"), {3, 2, 1, 2, 3, 2});
  expect_near(move("[3]", "pad(%x) {pads=[2,1], mode=symmetric}"), {2, 1, 1, 2, 3, 3});
  expect_near(move("[2,2]", "reshape(%x) {shape=[-1]}"), {1, 2, 3, 4});
  expect_near(move("[3]", "identity(%x)"), {1, 2, 3});
}

TEST(Cast, SaturatesAndDropsFractions) {
  expect_near(run_text("input %x: f32[4]\n%y = cast(%x) {dtype=i32}\noutput %y", {{-1.9, 1.9, 3e9, -3e9}}),
              {-1, 1, 2147483647, -2147483648.0});
  expect_near(run_text("input %x: f32[3]\n%y = cast(%x) {dtype=bool}\noutput %y", {{0, 0.1, -2}}), {0, 1, 1});
  expect_near(run_text("input %x: i32[2]\n%y = cast(%x) {dtype=f32}\noutput %y", {{-7, 8}}), {-7, 8});
}

TEST(Elementwise, BroadcastsItsOperands) {
  expect_near(run_text(R"(input %a: f32[2,1]
input %b: f32[3]
%y = elementwise(%a, %b) {expr=sub($0, $1)}
output %y)",
                       {{10, 20}, {1, 2, 3}}),
              {9, 8, 7, 19, 18, 17});
  expect_near(run_text(R"(input %c: bool[2]
input %a: f32[]
%y = elementwise(%c, %a) {expr=select($0, $1, -1)}
output %y)",
                       {{1, 0}, {7}}),
              {7, -1});
}

TEST(Macs, CountMultiplications) {
  const Graph graph = testing::parse(R"(input %x: f32[1,8,8,4]
const %w: f32[3,3,4,6] = splat(0)
const %d: f32[3,3,6,2] = splat(0)
const %t: f32[2,2,5,12] = splat(0)
const %m: f32[5,7] = splat(0)
%a = conv2d(%x, %w) {strides=[2,2], pads=[0,1,0,1]}
%b = depthwise_conv2d(%a, %d) {pads=[1,1,1,1]}
%c = conv2d_transpose(%b, %t) {strides=[2,2], output_shape=[8,8]}
%e = matmul(%c, %m)
%f = softmax(%e)
output %f)");
  const int64_t expected[] = {4 * 4 * 6 * 9 * 4, 4 * 4 * 12 * 9, 4 * 4 * 12 * 4 * 5, 8 * 8 * 7 * 5, 0};
  for (NodeId id = 0; id < graph.node_count(); ++id)
    EXPECT_EQ(node_macs(graph, graph.node(id)), expected[id]) << id;
}

}  // namespace
}  // namespace linnet

#include "compress/equalise.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "compress/random_samples.h"
#include "passes/test_pass.h"

namespace linnet {
namespace {

using namespace testing;

Statistics statistics_of(const Graph& graph, const Samples& samples) {
  auto statistics = measure(graph, samples, {}, 1, {});
  EXPECT_TRUE(statistics) << error_of(statistics);
  return *statistics;
}

// The largest magnitude of a channel of `name`, over the smallest.
float spread(const Graph& graph, const Samples& samples, const char* name) {
  const Statistics statistics = statistics_of(graph, samples);
  const auto [low, high] = std::ranges::minmax(statistics[graph.find_value(name)].largest);
  return high / low;
}

// Equalises `text`; it must compute the same on the samples.
Graph expect_equalised(std::string_view text, const Samples& samples, int* channels) {
  const Graph before = parse(text);
  Graph graph = before;
  const auto done = equalise(graph, statistics_of(graph, samples));
  EXPECT_TRUE(done) << error_of(done);
  EXPECT_TRUE(verify(graph)) << error_of(verify(graph));
  for (const Tensor& sample : samples) {
    Values inputs(1);
    for (int64_t i = 0; i < sample.shape().elements(); ++i) inputs[0].push_back(sample.at(i));
    EXPECT_LE(difference(run(before, inputs)[0], run(graph, inputs)[0]), 1e-5);
  }
  *channels = done.value_or(-1);
  return graph;
}

constexpr const char* kUneven = R"(
input %x: f32[1,5,5,3]
const %w1: f32[1,1,3,4] = [1, 0.1, 0.3, 5, 1, 0.2, -0.2, 4, -1, 0.1, 0.1, 6]
const %b1: f32[4] = [1, 0.1, 0.2, 3]
const %w2: f32[3,3,4,1] = random(3)
const %w3: f32[1,1,4,2] = random(5)
%a = conv2d(%x, %w1, %b1)
%ar = elementwise(%a) {expr=relu($0)}
%d = depthwise_conv2d(%ar, %w2) {pads=[1,1,1,1]}
%dr = elementwise(%d) {expr=relu($0)}
%y = conv2d(%dr, %w3)
output %y)";

TEST(Equalise, KeepsWhatIsComputedAndEvensChannels) {
  const Graph before = parse(kUneven);
  const Samples samples = random_samples(before, 8);
  ASSERT_GT(spread(before, samples, "ar"), 20);
  int channels = 0;
  const Graph graph = expect_equalised(kUneven, samples, &channels);
  EXPECT_GT(channels, 0);
  EXPECT_NEAR(spread(graph, samples, "ar"), 1, 0.01);
}

TEST(Equalise, ScalesAllThatAResidualTies) {
  int channels = 0;
  const char* text = R"(
input %x: f32[1,4,4,3]
const %w1: f32[1,1,3,2] = [1, 0.01, 0.5, 0.02, -1, 0.01]
const %w2: f32[1,1,2,2] = [0.5, 0.01, 0.3, 0.5]
const %w3: f32[1,1,2,3] = random(4)
%a = conv2d(%x, %w1)
%b = conv2d(%a, %w2)
%s = elementwise(%a, %b) {expr=add($0, $1)}
%m = max_pool(%s) {kernel=[2,2], strides=[2,2]}
%y = conv2d(%m, %w3)
output %y)";
  const Samples samples = random_samples(parse(text), 8);
  const Graph graph = expect_equalised(text, samples, &channels);
  EXPECT_GT(channels, 0);
  EXPECT_LT(spread(graph, samples, "s"), spread(parse(text), samples, "s"));
}

TEST(Equalise, LeavesChannelsAloneThatAReLU6Cuts) {
  const char* text = R"(
input %x: f32[1,1,1,1]
const %w1: f32[1,1,1,3] = [1, 20, 0.5]
const %w2: f32[1,1,3,1] = [1, 1, 1]
%a = conv2d(%x, %w1)
%r = elementwise(%a) {expr=relu6($0)}
%y = conv2d(%r, %w2)
output %y)";
  int channels = 0;
  // Inputs from 0 to 2: channel 1 reaches 40, channel 0 stays under 2, channel 2 under 1.
  const Samples samples = random_samples(parse(text), 20, 0, 2);
  const Graph graph = expect_equalised(text, samples, &channels);
  const float* weights = graph.value(graph.node(0).inputs[1]).constant.as<float>();
  EXPECT_EQ(weights[1], 20);
  EXPECT_GT(weights[0], 1.5f);
  EXPECT_GT(weights[2], 1);
}

TEST(Equalise, LeavesAloneWhatIsNotHomogeneous) {
  const char* text = R"(
input %x: f32[1,2,2,2]
const %w1: f32[1,1,2,2] = [1, 0.01, 1, 0.01]
const %w2: f32[1,1,2,2] = random(2)
%a = conv2d(%x, %w1)
%s = elementwise(%a) {expr=sigmoid($0)}
%y = conv2d(%s, %w2)
output %y)";
  int channels = -1;
  expect_equalised(text, random_samples(parse(text), 4), &channels);
  EXPECT_EQ(channels, 0);
}

}  // namespace
}  // namespace linnet

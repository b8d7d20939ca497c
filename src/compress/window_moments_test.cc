#include "compress/window_moments.h"

#include <gtest/gtest.h>

#include "compress/random_samples.h"

namespace linnet {
namespace {

using namespace testing;

// A layer without bias gives w'x for each window x: its results' mean and squares tell those of the windows.
void expect_moments(std::string_view text) {
  const Graph graph = parse(text);
  const Node& node = graph.node(0);
  const Samples samples = random_samples(graph, 3);
  WindowMoments moments(graph, node, true);
  double sum = 0, squares = 0, count = 0;
  const WeightLayout layout = weight_layout(graph, node);
  for (const Tensor& sample : samples) {
    moments.add(sample.as<float>(), moments.windows());
    Values inputs(1);
    for (int64_t i = 0; i < sample.shape().elements(); ++i) inputs[0].push_back(sample.at(i));
    const std::vector<double> results = run(graph, inputs)[0];
    for (size_t i = 1; i < results.size(); i += static_cast<size_t>(layout.channels)) {
      sum += results[i];
      squares += results[i] * results[i];
      count += 1;
    }
  }
  const bool depthwise = moments.parts() > 1;
  Eigen::VectorXd weights(layout.depth);
  for (int64_t k = 0; k < layout.depth; ++k)
    weights[k] = static_cast<double>(graph.value(node.inputs[1]).constant.as<float>()[layout.index(k, 1)]);
  const double mean = weights.dot(moments.mean(depthwise ? 1 : 0));
  const double variance = weights.dot(moments.covariance(depthwise ? 1 : 0) * weights);
  EXPECT_NEAR(mean, sum / count, 1e-5);
  EXPECT_NEAR(variance, squares / count - sum / count * sum / count, 1e-4);
}

TEST(WindowMoments, OfAConvolutionsWindows) {
  expect_moments(R"(
input %x: f32[1,7,6,3]
const %w: f32[3,2,3,4] = random(1)
%y = conv2d(%x, %w) {pads=[1,0,1,1], strides=[2,1]}
output %y)");
}

TEST(WindowMoments, OfADepthwiseConvolutionsWindows) {
  expect_moments(R"(
input %x: f32[1,7,6,3]
const %w: f32[3,3,3,1] = random(1)
%y = depthwise_conv2d(%x, %w) {pads=[1,1,1,1], dilations=[1,2]}
output %y)");
}

TEST(WindowMoments, OfAProductsRows) {
  expect_moments(R"(
input %x: f32[5,8]
const %w: f32[4,8] = random(1)
%y = matmul(%x, %w) {transpose_b=true}
output %y)");
}

}  // namespace
}  // namespace linnet

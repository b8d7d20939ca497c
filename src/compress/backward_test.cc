#include "compress/backward.h"

#include <gtest/gtest.h>

#include "compress/distil.h"
#include "compress/remove_channels.h"
#include "graph/test_graph.h"

namespace linnet {
namespace {

using namespace testing;

constexpr const char* kBlock = R"(
input %x: f32[1,5,5,2]
const %w0: f32[3,3,2,3] = random(1)
const %b0: f32[3] = random(2)
const %w1: f32[1,1,3,6] = random(3)
const %d: f32[3,3,6,1] = random(4)
const %bd: f32[6] = random(5)
const %w2: f32[1,1,6,3] = random(6)
const %w3: f32[3,2] = random(7)
%a = conv2d(%x, %w0, %b0) {pads=[1,1,1,1]}
%e = conv2d(%a, %w1)
%r = elementwise(%e) {expr=relu6($0)}
%dw = depthwise_conv2d(%r, %d, %bd) {pads=[1,1,1,1]}
%s = elementwise(%dw) {expr=relu($0)}
%p = conv2d(%s, %w2)
%y = elementwise(%a, %p) {expr=relu(add($0, $1))}
%m = reduce(%y) {mode=mean, axes=[1,2]}
%z = matmul(%m, %w3)
output %z)";

// The value of `name`, and of what `backward` reads, by the reference.
Values evaluate(Graph graph, std::span<const ValueId> values, const Values& inputs) {
  graph.outputs.clear();
  for (ValueId id : values) graph.outputs.push_back({graph.value(id).name, id});
  return run(graph, inputs);
}

double loss_of(const Graph& graph, ValueId end, const Values& inputs) {
  double sum = 0;
  const ValueId ends[] = {end};
  const Values values = evaluate(graph, ends, inputs);
  for (size_t i = 0; i < values[0].size(); ++i) sum += values[0][i] * static_cast<double>(i % 7);
  return sum;
}

TEST(Backward, AgreesWithDifferences) {
  Graph graph = parse(kBlock);
  const ValueId end = graph.find_value("y");
  const auto backward = Backward::create(graph, end);
  ASSERT_TRUE(backward) << error_of(backward);
  EXPECT_EQ(backward->layers().size(), 4u);
  const Values inputs = random_inputs(graph);
  const Values values = evaluate(graph, backward->values(), inputs);
  std::vector<std::vector<float>> data;
  std::vector<TensorView> views;
  for (size_t i = 0; i < values.size(); ++i) data.emplace_back(values[i].begin(), values[i].end());
  for (size_t i = 0; i < values.size(); ++i)
    views.push_back(
        {DType::F32, graph.value(backward->values()[i]).shape, reinterpret_cast<std::byte*>(data[i].data())});
  std::vector<float> loss(75);
  for (size_t i = 0; i < loss.size(); ++i) loss[i] = static_cast<float>(i % 7);
  std::vector<LayerGradient> gradients = backward->zero(graph);
  backward->run(graph, views, loss, gradients);

  for (size_t layer = 0; layer < gradients.size(); ++layer) {
    const NodeId id = backward->layers()[layer];
    const Eigen::MatrixXd weights = patch_weights(graph, graph.node(id));
    const Eigen::VectorXd bias = bias_of(graph, graph.node(id));
    const auto slope = [&](const Eigen::MatrixXd& w, const Eigen::VectorXd& b) {
      constexpr double kStep = 1.0 / 1024;
      double losses[2];
      for (int side = 0; side < 2; ++side) {
        Graph moved = graph;
        const double by = side == 0 ? -kStep : kStep;
        EXPECT_TRUE(set_patch_weights(moved, id, weights + by * w, bias + by * b));
        losses[side] = loss_of(moved, end, inputs);
      }
      return (losses[1] - losses[0]) / (2 * kStep);
    };
    // One direction in which all weights take part, and one for the bias: a kink on the way costs little.
    const Eigen::MatrixXd direction = Eigen::MatrixXd::NullaryExpr(
        weights.rows(), weights.cols(),
        [](Eigen::Index i, Eigen::Index k) { return static_cast<double>((3 * i + 5 * k) % 7) / 7 - 0.4; });
    const double expected = slope(direction, Eigen::VectorXd::Zero(bias.size()));
    const double found = gradients[layer].weights.cast<double>().cwiseProduct(direction).sum();
    EXPECT_NEAR(found, expected, 0.02 * std::abs(expected) + 0.5) << graph.node(id).name;
    const Eigen::VectorXd one = Eigen::VectorXd::Constant(bias.size(), 1);
    const double expected_bias = slope(Eigen::MatrixXd::Zero(weights.rows(), weights.cols()), one);
    EXPECT_NEAR(gradients[layer].bias.cast<double>().sum(), expected_bias,
                0.02 * std::abs(expected_bias) + 0.5);
  }
}

TEST(Backward, NamesTheOpThatItDoesNotKnow) {
  const Graph graph = parse(R"(
input %x: f32[1,2]
const %w: f32[2,2] = random(1)
%a = matmul(%x, %w)
%y = elementwise(%a) {expr=sigmoid($0)}
output %y)");
  EXPECT_EQ(error_of(Backward::create(graph, graph.find_value("y"))),
            "unsupported op: node 'y' (elementwise): its derivative is not known");
}

TEST(Distil, BringsFeaturesCloserWhateverTheThreads) {
  const Graph original = parse(kBlock);
  const ChannelGroups groups = ChannelGroups::find(original);
  std::vector<std::vector<int32_t>> kept;
  for (const ChannelGroup& group : groups.groups()) {
    kept.emplace_back();
    for (int32_t c = 0; c < group.channels; ++c)
      if (group.channels == 3 || c < 4) kept.back().push_back(c);
  }
  Samples samples;
  for (uint32_t i = 0; i < 24; ++i) {
    samples.push_back(*Tensor::zeros(DType::F32, Shape{1, 5, 5, 2}));
    fill_random_input(samples.back().view(), i + 10, -2, 2);
  }
  const Values inputs = random_inputs(original, 99);
  std::string texts[2];
  for (int threads = 1; threads <= 2; ++threads) {
    Graph changed = *remove_channels(original, groups, kept);
    const auto error = [&] {
      const Values wanted = evaluate(original, std::array{original.find_value("y")}, inputs);
      const Values found = evaluate(changed, std::array{changed.find_value("y")}, inputs);
      double sum = 0;
      for (size_t i = 0; i < wanted[0].size(); ++i)
        sum += (wanted[0][i] - found[0][i]) * (wanted[0][i] - found[0][i]);
      return sum;
    };
    const double before = error();
    const auto done =
        distil(original, groups, kept, samples, {.threads = threads, .steps = 150, .rate = 0.02}, changed);
    ASSERT_TRUE(done) << error_of(done);
    EXPECT_TRUE(*done);
    EXPECT_LT(error(), 0.6 * before);
    texts[threads - 1] = print_graph(changed, 1000);
  }
  EXPECT_EQ(texts[0], texts[1]);
}

}  // namespace
}  // namespace linnet

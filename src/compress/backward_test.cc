#include "compress/backward.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "compress/test_block.h"
#include "graph/test_graph.h"

namespace linnet {
namespace {

using namespace testing;

// The value of `name`, and of what `backward` reads, by the reference.
Values evaluate(Graph graph, std::span<const ValueId> values, const Values& inputs) {
  graph.outputs.clear();
  for (ValueId id : values) graph.outputs.push_back({graph.value(id).name, id});
  return run(graph, inputs);
}

double loss_of(const Graph& graph, std::span<const ValueId> ends, const Values& inputs) {
  double sum = 0;
  for (const std::vector<double>& values : evaluate(graph, ends, inputs))
    for (size_t i = 0; i < values.size(); ++i) sum += values[i] * static_cast<double>(i % 7);
  return sum;
}

std::vector<bool> all_nodes(const Graph& graph) {
  return std::vector<bool>(graph.node_count(), true);
}

// What `backward` finds for that loss.
std::vector<LayerParameters> gradients_of(const Graph& graph, const Backward& backward,
                                          std::span<const ValueId> ends, const Values& inputs) {
  const Values values = evaluate(graph, backward.values(), inputs);
  std::vector<std::vector<float>> data, losses;
  std::vector<TensorView> views;
  for (const std::vector<double>& one : values) data.emplace_back(one.begin(), one.end());
  for (size_t i = 0; i < values.size(); ++i)
    views.push_back(
        {DType::F32, graph.value(backward.values()[i]).shape, reinterpret_cast<std::byte*>(data[i].data())});
  for (ValueId end : ends) {
    std::vector<float>& loss = losses.emplace_back(static_cast<size_t>(graph.value(end).shape.elements()));
    for (size_t i = 0; i < loss.size(); ++i) loss[i] = static_cast<float>(i % 7);
  }
  const std::vector<LayerParameters> layers = backward.parameters(graph);
  std::vector<LayerParameters> gradients = Backward::zero(layers);
  backward.run(layers, views, std::move(losses), gradients);
  return gradients;
}

TEST(Backward, AgreesWithDifferences) {
  Graph graph = parse(kBlock);
  // Two losses at once: of a value on the way and of the model's output.
  const ValueId ends[] = {graph.find_value("y"), graph.find_value("z")};
  const auto backward = Backward::create(graph, ends, all_nodes(graph));
  ASSERT_TRUE(backward) << error_of(backward);
  EXPECT_EQ(backward->layers().size(), 5u);
  const Values inputs = random_inputs(graph);
  const std::vector<LayerParameters> gradients = gradients_of(graph, *backward, ends, inputs);

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
        losses[side] = loss_of(moved, ends, inputs);
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

TEST(Backward, PassesThroughLayersThatAreNotTrained) {
  const Graph graph = parse(kBlock);
  const ValueId ends[] = {graph.find_value("z")};
  const Values inputs = random_inputs(graph);
  const auto all = Backward::create(graph, ends, all_nodes(graph));
  std::vector<bool> trained(graph.node_count(), false);
  for (NodeId id = 0; id < graph.node_count(); ++id)
    trained[id] = graph.node(id).name == "e" || graph.node(id).name == "p";
  const auto some = Backward::create(graph, ends, trained);
  ASSERT_TRUE(all && some);
  ASSERT_EQ(some->layers().size(), 2u);
  const auto expected = gradients_of(graph, *all, ends, inputs),
             found = gradients_of(graph, *some, ends, inputs);
  for (size_t i = 0; i < found.size(); ++i) {
    const size_t at =
        static_cast<size_t>(std::ranges::find(all->layers(), some->layers()[i]) - all->layers().begin());
    EXPECT_EQ(found[i].weights, expected[at].weights);
    EXPECT_EQ(found[i].bias, expected[at].bias);
  }
}

TEST(Backward, NamesTheOpThatItDoesNotKnow) {
  const Graph graph = parse(R"(
input %x: f32[1,2]
const %w: f32[2,2] = random(1)
%a = matmul(%x, %w)
%y = elementwise(%a) {expr=sigmoid($0)}
output %y)");
  const ValueId ends[] = {graph.find_value("y")};
  EXPECT_EQ(error_of(Backward::create(graph, ends, all_nodes(graph))),
            "unsupported op: node 'y' (elementwise): its derivative is not known");
}

}  // namespace
}  // namespace linnet

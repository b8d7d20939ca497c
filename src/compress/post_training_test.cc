#include "compress/post_training.h"

#include <gtest/gtest.h>

#include "compress/random_samples.h"
#include "compress/round_layers.h"
#include "graph/quantization.h"
#include "passes/pipeline.h"
#include "passes/quantize_weights.h"

namespace linnet {
namespace {

using namespace testing;

constexpr const char* kNet = R"(
input %x: f32[1,6,6,3]
const %w1: f32[3,3,3,8] = random(1)
const %b1: f32[8] = random(2)
const %w2: f32[3,3,8,1] = random(3)
const %w3: f32[1,1,8,6] = random(5)
const %w4: f32[6,5] = random(7)
%a = conv2d(%x, %w1, %b1) {pads=[1,1,1,1]}
%ar = elementwise(%a) {expr=relu($0)}
%d = depthwise_conv2d(%ar, %w2) {pads=[1,1,1,1]}
%dr = elementwise(%d) {expr=relu6($0)}
%p = conv2d(%dr, %w3)
%m = reduce(%p) {mode=mean, axes=[1,2]}
%l = matmul(%m, %w4)
%y = softmax(%l)
output %y)";

Graph simplified(const char* text) {
  Graph graph = parse(text);
  EXPECT_TRUE(simplify(graph));
  return graph;
}

QuantizeReport expect_quantized(Graph& graph, const Samples& samples, const QuantizeOptions& options) {
  auto report = quantize_model(graph, samples, options);
  EXPECT_TRUE(report) << error_of(report);
  EXPECT_TRUE(verify(graph)) << error_of(verify(graph));
  return std::move(*report);
}

TEST(PostTraining, StaysCloseAndNamesEveryLayer) {
  Graph graph = simplified(kNet);
  const Graph original = graph;
  const Samples samples = random_samples(graph, 16);
  const QuantizeReport report = expect_quantized(graph, samples, {});
  ASSERT_EQ(report.layers.size(), 4u);
  EXPECT_EQ(report.layers[1].op, "depthwise_conv2d");
  EXPECT_EQ(report.layers[3].weights, 30u);
  for (const LayerSensitivity& layer : report.layers) EXPECT_FALSE(layer.kept);
  EXPECT_GT(report.deviation.sqnr, 20);
  EXPECT_LE(report.deviation.drop, 1);
  Graph compiled = graph;
  ASSERT_TRUE(run_passes(compiled));
  EXPECT_EQ(std::ranges::count_if(compiled.nodes(),
                                  [](const Node& node) { return node.op == Op::quantized_conv2d; }),
            3);
}

// The weights are codes times a scale that the largest of a channel tells.
TEST(PostTraining, WritesWeightsThatCodesHoldExactly) {
  Graph graph = simplified(kNet);
  expect_quantized(graph, random_samples(graph, 8), {});
  for (const NodeId id : quantizable_layers(graph)) {
    const WeightLayout layout = weight_layout(graph, graph.node(id));
    const float* weights = graph.value(graph.node(id).inputs[1]).constant.as<float>();
    for (int64_t c = 0; c < layout.channels; ++c) {
      float most = 0;
      for (int64_t k = 0; k < layout.depth; ++k) most = std::max(most, std::abs(weights[layout.index(k, c)]));
      for (int64_t k = 0; k < layout.depth && most > 0; ++k) {
        const float code = weights[layout.index(k, c)] / most * 127;
        EXPECT_NEAR(code, std::nearbyint(code), 1e-4);
      }
    }
  }
}

TEST(PostTraining, KeepsLayersUntilTheDropIsWithinTheBudget) {
  Graph graph = simplified(kNet);
  const Graph original = graph;
  const Samples samples = random_samples(graph, 8);
  // Nothing at all may be lost, of a model without classes' rows: every layer stays.
  Graph free_form = original;
  free_form.outputs = {{"p", original.find_value("p")}};
  ASSERT_TRUE(simplify(free_form));
  Graph changed = free_form;
  const QuantizeReport report = expect_quantized(changed, samples, {.most_drop = 0});
  for (const LayerSensitivity& layer : report.layers) EXPECT_TRUE(layer.kept) << layer.name;
  EXPECT_LT(report.deviation.drop, 1e-3);
  // A budget between all and none keeps some, of the most sensitive.
  Graph loose = free_form;
  const QuantizeReport all = expect_quantized(loose, samples, {});
  Graph mixed = free_form;
  const double budget = 0.7 * all.deviation.drop;
  const QuantizeReport some = expect_quantized(mixed, samples, {.most_drop = budget});
  EXPECT_LE(some.deviation.drop, budget);
  const auto kept = std::ranges::count_if(some.layers, &LayerSensitivity::kept);
  EXPECT_GT(kept, 0);
  EXPECT_LT(kept, static_cast<long>(some.layers.size()));
}

TEST(PostTraining, GivesTheSameForAnyNumberOfThreads) {
  Graph one = simplified(kNet), three = one;
  const Samples samples = random_samples(one, 8);
  expect_quantized(one, samples, {.threads = 1});
  expect_quantized(three, samples, {.threads = 3});
  EXPECT_EQ(one.ranges, three.ranges);
  EXPECT_EQ(print_graph(one), print_graph(three));
}

TEST(PostTraining, RefusesSamplesThatCannotCalibrate) {
  Graph graph = simplified(kNet);
  EXPECT_EQ(error_of(quantize_model(graph, {}, {})),
            "invalid argument: there are no samples to calibrate with");
  Samples samples = random_samples(graph, 2);
  samples[1].mutable_as<float>()[5] = NAN;
  EXPECT_EQ(error_of(quantize_model(graph, samples, {.names = {"a.npy", "b.npy"}})),
            "invalid argument: b.npy: the value 'x' is not finite");
}

TEST(RoundToHalves, RoundsMatricesThatFit) {
  Graph graph = simplified(R"(
input %x: f32[1,2]
const %w: f32[2,3] = [0.1, 1, -0.3, 70000, 0, 1]
const %v: f32[3,2] = [0.1, 1, -0.3, 7, 0, 1]
const %b: f32[2] = [0.1, 0.3]
%a = matmul(%x, %w)
%y = matmul(%a, %v, %b)
output %y)");
  const Samples samples = random_samples(graph, 4);
  EXPECT_FALSE(are_mostly_halves(graph));
  const auto report = round_to_halves(graph, samples, {});
  ASSERT_TRUE(report) << error_of(report);
  const auto first = [&](const char* name) { return graph.value(graph.find_value(name)).constant.at(0); };
  EXPECT_EQ(first("w"), static_cast<double>(0.1f));
  EXPECT_EQ(first("b"), static_cast<double>(0.1f));
  // 0.1 lies between two halves, 2^-14 apart.
  EXPECT_EQ(first("v"), 0x1.998p-4);
  EXPECT_FALSE(are_mostly_halves(graph));
  graph.value(graph.find_value("w")).constant = graph.value(graph.find_value("v")).constant;
  EXPECT_TRUE(are_mostly_halves(graph));
  EXPECT_GT(report->deviation.sqnr, 50);
  EXPECT_LT(report->deviation.sqnr, 100);
}

TEST(DynamicInt8, MarksProductsAndRoundsTheirWeights) {
  Graph graph = simplified(kNet);
  const Graph original = graph;
  const auto report = quantize_dynamically(graph, {}, {});
  ASSERT_TRUE(report) << error_of(report);
  ASSERT_EQ(report->layers.size(), 2u);
  EXPECT_EQ(report->layers[0].op, "conv2d");
  EXPECT_EQ(report->layers[1].weights, 30u);
  const Ranges expected{{"p", {.dynamic = true}}, {"l", {.dynamic = true}}};
  EXPECT_EQ(graph.ranges, expected);
  const Samples samples = random_samples(graph, 16);
  auto judge = Judge::create(original, samples, 16, 1);
  ASSERT_TRUE(judge);
  EXPECT_GT(judge->deviation_of(graph, {})->sqnr, 30);
  // What is written and read back has the same weights: each is a code times its channel's scale.
  const Graph once = graph;
  ASSERT_TRUE(quantize_dynamically(graph, {}, {}));
  EXPECT_EQ(print_graph(once), print_graph(graph));
}

TEST(DynamicInt8, KeepsLayersUntilTheDropIsWithinTheBudget) {
  Graph graph = simplified(R"(
input %x: f32[3,20]
const %w: f32[20,16] = random(1)
const %v: f32[16,20] = random(2)
%a = matmul(%x, %w)
%r = elementwise(%a) {expr=relu($0)}
%y = matmul(%r, %v)
output %y)");
  const Samples samples = random_samples(graph, 8);
  Graph kept = graph, quantised = graph;
  const auto none = quantize_dynamically(kept, samples, {.most_drop = 0});
  ASSERT_TRUE(none) << error_of(none);
  for (const LayerSensitivity& layer : none->layers) EXPECT_TRUE(layer.kept) << layer.name;
  EXPECT_TRUE(kept.ranges.empty());
  EXPECT_EQ(print_graph(kept), print_graph(graph));
  const auto all = quantize_dynamically(quantised, samples, {});
  ASSERT_TRUE(all) << error_of(all);
  EXPECT_GT(all->deviation.drop, 0);
  EXPECT_LT(all->deviation.drop, 3);
}

TEST(DynamicInt8, SharesWeightsThatLayersShare) {
  Graph graph = simplified(R"(
input %x: f32[3,20]
const %w: f32[20,20] = random(1)
%a = matmul(%x, %w)
%b = matmul(%a, %w)
%y = matmul(%b, %w) {transpose_b=true}
output %y)");
  ASSERT_TRUE(quantize_dynamically(graph, {}, {}));
  EXPECT_EQ(graph.node(0).inputs[1], graph.node(1).inputs[1]);
  EXPECT_NE(graph.node(0).inputs[1], graph.node(2).inputs[1]);
}

TEST(DynamicInt8, LeavesManyRowsOfFewWeights) {
  Graph graph = simplified(R"(
input %x: f32[1,20,20,128]
const %w: f32[1,1,128,96] = random(1)
const %v: f32[1,1,96,127] = random(2)
const %u: f32[127,3] = random(3)
%a = conv2d(%x, %w)
%b = conv2d(%a, %v)
%m = reduce(%b) {mode=mean, axes=[1,2]}
%y = matmul(%m, %u)
output %y)");
  ASSERT_TRUE(quantize_dynamically(graph, {}, {}));
  const Ranges expected{{"a", {.dynamic = true}}, {"y", {.dynamic = true}}};
  EXPECT_EQ(graph.ranges, expected);
}

TEST(DynamicInt8, NeedsAProduct) {
  Graph graph = simplified(R"(
input %x: f32[1,6,6,3]
const %w: f32[3,3,3,8] = random(1)
%y = conv2d(%x, %w)
output %y)");
  EXPECT_EQ(
      error_of(quantize_dynamically(graph, {}, {})),
      "invalid argument: the model has no matrix product and no 1x1 convolution of constant weights and "
      "at most 256 rows, or at least 12288 weights");
}

// The range cuts half of what the layer reads; the bias gives the mean back.
TEST(RoundLayers, RemovesABias) {
  Graph graph = simplified(R"(
input %x: f32[4,3]
const %w: f32[3,2] = [1, 0.5, 0.5, 1, 1, 1]
%y = matmul(%x, %w)
output %y)");
  const Samples samples = random_samples(graph, 50, 0, 1);
  auto judge = Judge::create(graph, samples, 50, 1);
  ASSERT_TRUE(judge);
  const Graph original = graph;
  graph.ranges = {{"x", {0, 0.5f}}, {"y", {0, 3}}};
  ASSERT_TRUE(round_layers(graph, samples, *judge, 1, {}));
  const auto mean = [&](const Graph& of) {
    double sum = 0;
    for (const std::vector<double>& answer : *answers_of(of, samples, 1))
      for (const double value : answer) sum += value / static_cast<double>(answer.size() * samples.size());
    return sum;
  };
  EXPECT_NEAR(mean(graph), mean(original), 2e-3);
  // Without the correction an eighth of each input is missing on average.
  graph.node(0).inputs.resize(2);
  EXPECT_LT(mean(graph), mean(original) - 0.2);
}

}  // namespace
}  // namespace linnet

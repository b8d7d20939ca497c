#include "graph/quantization.h"
#include "passes/pipeline.h"
#include "passes/test_pass.h"

namespace linnet {
namespace {

using namespace testing;

size_t count(const Graph& graph, Op op) {
  return static_cast<size_t>(
      std::ranges::count_if(graph.nodes(), [op](const Node& node) { return node.op == op; }));
}

// Gives every f32 value of `graph`, simplified, the range that it has on `samples` drawn inputs.
Graph calibrated(std::string_view text, int samples = 4) {
  Graph graph = parse(text);
  EXPECT_TRUE(simplify(graph));
  Graph all = graph;
  all.outputs.clear();
  for (const GraphPort& port : graph.inputs) all.outputs.push_back(port);
  for (const Node& node : graph.nodes())
    all.outputs.push_back({graph.value(node.outputs[0]).name, node.outputs[0]});
  for (int i = 0; i < samples; ++i) {
    const Values values = run(all, random_inputs(graph, static_cast<uint32_t>(1 + 10 * i)));
    for (size_t v = 0; v < values.size(); ++v) {
      const auto [low, high] = std::ranges::minmax(values[v]);
      const std::string& name = all.value(all.outputs[v].value).name;
      const auto [entry, fresh] =
          graph.ranges.emplace(name, ValueRange{static_cast<float>(low), static_cast<float>(high)});
      if (fresh) continue;
      entry->second.low = std::min(entry->second.low, static_cast<float>(low));
      entry->second.high = std::max(entry->second.high, static_cast<float>(high));
    }
  }
  return graph;
}

// Quantises `text` and gives the graph, which must come within `tolerance` of the range of the f32 results.
Graph expect_close(std::string_view text, double tolerance) {
  const Graph before = calibrated(text);
  Graph after = before;
  const auto done = quantize(after);
  EXPECT_TRUE(done) << error_of(done);
  EXPECT_TRUE(verify(after)) << error_of(verify(after)) << print_graph(after);
  expect_same_results(before, after, tolerance);
  return after;
}

constexpr const char* kBlock = R"(
input %x: f32[1,6,6,8]
const %w1: f32[1,1,8,24] = random(1)
const %b1: f32[24] = random(2)
const %w2: f32[3,3,24,1] = random(3)
const %b2: f32[24] = random(4)
const %w3: f32[1,1,24,8] = random(5)
const %b3: f32[8] = random(6)
const %w4: f32[8,10] = random(7)
%a = conv2d(%x, %w1, %b1)
%a6 = elementwise(%a) {expr=relu6($0)}
%d = depthwise_conv2d(%a6, %w2, %b2) {pads=[1,1,1,1]}
%d6 = elementwise(%d) {expr=relu6($0)}
%p = conv2d(%d6, %w3, %b3)
%r = elementwise(%p, %x) {expr=add($0, $1)}
%m = reduce(%r) {mode=mean, axes=[1,2]}
%l = matmul(%m, %w4)
output %l)";

TEST(Quantize, KeepsAnInvertedResidualInCodes) {
  const Graph graph = expect_close(kBlock, 0.05);
  EXPECT_EQ(count(graph, Op::quantize), 1u) << print_graph(graph);
  EXPECT_EQ(count(graph, Op::quantized_conv2d), 3u);
  EXPECT_EQ(count(graph, Op::quantized_depthwise_conv2d), 1u);
  // The activations and the residual are parts of the convolutions; the product's result is no code.
  EXPECT_EQ(count(graph, Op::elementwise) + count(graph, Op::quantized_add) + count(graph, Op::dequantize),
            0u);
}

TEST(Quantize, LeavesAGraphWithoutRangesAlone) {
  Graph graph = parse(kBlock);
  const std::string before = print_graph(graph);
  const auto done = quantize(graph);
  ASSERT_TRUE(done);
  EXPECT_EQ(*done, 0);
  EXPECT_EQ(print_graph(graph), before);
}

TEST(Quantize, LeavesALayerInF32WhoseResultHasNoRange) {
  const Graph before = calibrated(kBlock);
  Graph after = before;
  after.ranges.erase("d");
  ASSERT_TRUE(quantize(after));
  ASSERT_TRUE(verify(after)) << print_graph(after);
  EXPECT_EQ(count(after, Op::depthwise_conv2d), 1u) << print_graph(after);
  EXPECT_EQ(count(after, Op::quantized_conv2d), 3u);
  expect_same_results(before, after, 0.05);
}

TEST(Quantize, LooksUpOtherActivations) {
  const Graph graph = expect_close(R"(
input %x: f32[1,4,4,8]
const %w1: f32[1,1,8,16] = random(1)
const %w2: f32[1,1,16,8] = random(2)
%a = conv2d(%x, %w1)
%h = elementwise(%a) {expr=mul($0, relu6(add($0, 3)))}
%y = conv2d(%h, %w2)
output %y)",
                                   0.03);
  EXPECT_EQ(count(graph, Op::lookup), 1u) << print_graph(graph);
  EXPECT_EQ(count(graph, Op::elementwise), 0u);
}

TEST(Quantize, GivesJoinedCodesOneScale) {
  const Graph graph = expect_close(R"(
input %x: f32[1,6,6,8]
const %w1: f32[1,1,8,4] = random(1)
const %w2: f32[3,3,8,12] = random(2)
const %w3: f32[1,1,24,5] = random(3)
%a = conv2d(%x, %w1)
%a0 = elementwise(%a) {expr=relu($0)}
%b = conv2d(%x, %w2) {pads=[1,1,1,1]}
%p = max_pool(%x) {kernel=[3,3], pads=[1,1,1,1]}
%c = concat(%a0, %b, %p) {axis=3}
%y = conv2d(%c, %w3)
output %y)",
                                   0.04);
  // Only what is pooled keeps a scale of its own.
  EXPECT_EQ(count(graph, Op::lookup), 1u) << print_graph(graph);
  EXPECT_EQ(count(graph, Op::concat), 1u);
  EXPECT_EQ(count(graph, Op::dequantize), 0u);
}

TEST(Quantize, AddsCodesOfDifferentScales) {
  const Graph graph = expect_close(R"(
input %x: f32[1,6,6,8]
const %w1: f32[1,1,8,8] = random(1)
const %w2: f32[1,1,8,8] = random(2)
%a = conv2d(%x, %w1)
%s = elementwise(%a, %a) {expr=relu(add($0, $1))}
%t = elementwise(%x, %s) {expr=sub($0, $1)}
%y = conv2d(%t, %w2)
%z = conv2d(%s, %w2)
output %y
output %z)",
                                   0.03);
  EXPECT_EQ(count(graph, Op::quantized_add), 1u) << print_graph(graph);
  EXPECT_EQ(count(graph, Op::lookup), 1u);
}

// Nodes without a form over codes get real numbers, and codes are made again after them.
TEST(Quantize, LeavesOtherOpsInF32) {
  const Graph graph = expect_close(R"(
input %x: f32[1,6,6,8]
const %w1: f32[1,1,8,8] = random(1)
const %w2: f32[1,1,8,8] = random(2)
const %s: f32[8] = random(3)
%a = conv2d(%x, %w1)
%b = elementwise(%a, %s) {expr=prelu($0, $1)}
%y = conv2d(%b, %w2)
output %y
output %a)",
                                   0.03);
  EXPECT_EQ(count(graph, Op::quantized_conv2d), 2u) << print_graph(graph);
  EXPECT_EQ(count(graph, Op::elementwise), 1u);
  EXPECT_EQ(count(graph, Op::dequantize), 0u);
}

TEST(Quantize, GivesOutputsAsF32) {
  const Graph graph = expect_close(R"(
input %x: f32[1,6,6,8]
const %w1: f32[1,1,8,8] = random(1)
const %w2: f32[3,3,8,1] = random(2)
%a = conv2d(%x, %w1)
%y = depthwise_conv2d(%a, %w2)
output %y
output %a)",
                                   0.03);
  EXPECT_EQ(count(graph, Op::dequantize), 2u) << print_graph(graph);
}

TEST(Quantize, TakesNoNodeWithoutRanges) {
  Graph graph = calibrated(kBlock);
  graph.ranges.erase("a6");
  Graph after = graph;
  const auto done = quantize(after);
  ASSERT_TRUE(done) << error_of(done);
  EXPECT_EQ(count(after, Op::depthwise_conv2d), 1u) << print_graph(after);
  expect_same_results(graph, after, 0.05);
}

// A channel of zeros has no largest weight; its bias still counts, and a bias larger than its weights fits.
TEST(Quantize, KeepsTheBiasOfSmallChannels) {
  expect_close(R"(
input %x: f32[1,2,2,2]
const %w: f32[1,1,2,3] = [0, 0.000001, 1, 0, 0.000002, 1]
const %b: f32[3] = [1.5, 1000, 0]
const %v: f32[1,1,3,3] = [1, 0, 0, 0, 0.001, 0, 0, 0, 1]
%a = conv2d(%x, %w, %b)
%y = conv2d(%a, %v)
output %y)",
               0.6);
}

TEST(Quantization, GivesZeroACode) {
  EXPECT_EQ(quantization_of(0, 6), (Quantization{6.0f / 127, 0}));
  EXPECT_EQ(quantization_of(2, 6), (Quantization{6.0f / 127, 0}));
  EXPECT_EQ(quantization_of(-1, 1).zero_point, 64);
  EXPECT_EQ(quantization_of(-3, -1), (Quantization{3.0f / 127, 127}));
  EXPECT_EQ(quantization_of(0, 0), (Quantization{1, 0}));
  EXPECT_EQ(quantization_of(-1e38f, 3e38f), (Quantization{1, 0}));
}

TEST(Quantization, RoundsHalfToEvenAndClamps) {
  const CodeRange range{.zero_point = 10, .low = 5, .high = 100};
  EXPECT_EQ(to_code(0.5f, range), 10);
  EXPECT_EQ(to_code(1.5f, range), 12);
  EXPECT_EQ(to_code(-0.5f, range), 10);
  EXPECT_EQ(to_code(-100, range), 5);
  EXPECT_EQ(to_code(1e30f, range), 100);
  EXPECT_EQ(to_code(NAN, range), 5);
}

TEST(Quantize, TellsOfMemoryThatRunsOut) {
  expect_out_of_memory_told(calibrated(kBlock), quantize);
}

}  // namespace
}  // namespace linnet

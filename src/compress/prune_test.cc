#include "compress/prune.h"

#include <gtest/gtest.h>

#include "compress/channel_budget.h"
#include "compress/reconstruct.h"
#include "compress/remove_channels.h"
#include "graph/op_def.h"
#include "graph/test_graph.h"

namespace linnet {
namespace {

using namespace testing;

// Channels 2 and 3 of %a are sums of channels 0 and 1, without anything in between that is not linear.
constexpr const char* kRedundant = R"(
input %x: f32[1,4,4,2]
const %w0: f32[1,1,2,4] = [1, 0, 1, 2, 0, 1, 1, -1]
const %b0: f32[4] = [0.5, 0, 1, 0]
const %w1: f32[3,3,4,3] = random(2)
%a = conv2d(%x, %w0, %b0)
%y = conv2d(%a, %w1)
output %y)";

Samples random_samples(const Graph& graph, size_t count) {
  Samples samples;
  const Value& input = graph.value(graph.inputs[0].value);
  for (size_t i = 0; i < count; ++i) {
    samples.push_back(*Tensor::zeros(input.dtype, input.shape));
    fill_random_input(samples.back().view(), static_cast<uint32_t>(i + 1), -2, 2);
  }
  return samples;
}

int64_t macs_of(const Graph& graph) {
  int64_t macs = 0;
  for (const Node& node : graph.nodes()) macs += node_macs(graph, node);
  return macs;
}

TEST(Prune, RemovesRedundantChannelsWithoutError) {
  const Graph graph = parse(kRedundant);
  const auto pruned = prune(graph, random_samples(graph, 40), {.macs = 0.55, .multiple = 1, .steps = 50});
  ASSERT_TRUE(pruned) << error_of(pruned);
  ASSERT_EQ(pruned->groups.size(), 1u);
  EXPECT_EQ(pruned->groups[0].name, "a");
  EXPECT_EQ(pruned->groups[0].kept, 2);
  EXPECT_EQ(pruned->macs_kept, macs_of(pruned->graph));
  EXPECT_EQ(pruned->macs_kept * 2, pruned->macs);
  const Values inputs = random_inputs(graph, 99);
  EXPECT_LT(difference(run(graph, inputs)[0], run(pruned->graph, inputs)[0]), 1e-3);
}

TEST(Prune, GivesTheSameTwice) {
  const Graph graph = parse(kRedundant);
  const Samples samples = random_samples(graph, 10);
  const auto a = prune(graph, samples, {.macs = 0.8, .multiple = 1, .steps = 20});
  const auto b = prune(graph, samples, {.macs = 0.8, .multiple = 1, .threads = 2, .steps = 20});
  ASSERT_TRUE(a && b);
  EXPECT_EQ(print_graph(a->graph, 1000), print_graph(b->graph, 1000));
}

TEST(Prune, GoesByWeightsWithoutSamples) {
  // Channel 1 has the smallest weights.
  const Graph graph = parse(R"(
input %x: f32[1,2,2,1]
const %w0: f32[1,1,1,3] = [2, 0.1, -1]
const %w1: f32[1,1,3,1] = [1, 2, 3]
%a = conv2d(%x, %w0)
%y = conv2d(%a, %w1)
output %y)");
  const auto pruned = prune(graph, {}, {.macs = 0.7, .criterion = PruneCriterion::L1, .multiple = 1});
  ASSERT_TRUE(pruned) << error_of(pruned);
  const Value& weights = pruned->graph.value(pruned->graph.node(0).inputs[1]);
  EXPECT_EQ(weights.constant.at(0), 2);
  EXPECT_EQ(weights.constant.at(1), -1);
}

TEST(Prune, SaysWhatCannotBe) {
  const Graph graph = parse(kRedundant);
  const Samples samples = random_samples(graph, 4);
  EXPECT_EQ(error_of(prune(graph, samples, {.macs = 0.1, .multiple = 1})),
            "invalid argument: no more channels can go: 25 % of the multiply-accumulates are left");
  EXPECT_EQ(error_of(prune(graph, {}, {})), "invalid argument: this criterion needs calibration samples");
  EXPECT_EQ(error_of(prune(graph, {*Tensor::zeros(DType::F32, Shape{1, 4, 4, 2})}, {})),
            "invalid argument: all calibration samples hold one and the same value");
  Samples broken = samples;
  broken[2].mutable_as<float>()[5] = NAN;
  EXPECT_EQ(error_of(prune(graph, broken, {})), "invalid argument: sample 2 is not finite at element 5");
  EXPECT_EQ(error_of(prune(graph, {*Tensor::zeros(DType::F32, Shape{1, 4, 4, 3})}, {})),
            "wrong size: sample 0 is f32[1,4,4,3], the input f32[1,4,4,2]");
  const Graph single =
      parse("input %x: f32[1,2]\nconst %w: f32[2,2] = random(1)\n%y = matmul(%x, %w)\noutput %y");
  EXPECT_EQ(error_of(prune(single, random_samples(single, 2), {})),
            "invalid argument: the model has no channels that could be removed");
}

TEST(AllocateChannels, TakesWhatCostsLeastForWhatItSaves) {
  const Graph graph = parse(R"(
input %x: f32[1,1,1,4]
const %w0: f32[1,1,4,4] = random(1)
const %w1: f32[1,1,4,4] = random(2)
const %w2: f32[1,1,4,4] = random(3)
%a = conv2d(%x, %w0)
%b = conv2d(%a, %w1)
%y = conv2d(%b, %w2)
output %y)");
  const ChannelGroups groups = ChannelGroups::find(graph);
  ASSERT_EQ(groups.groups().size(), 2u);
  // 48 multiply-accumulates; a channel of either group saves 8, or 7 once the other has lost one.
  const GroupCurve curves[] = {{{0, 1, 5, 50}}, {{0, 2, 3, 40}}};
  const auto kept = [&](int64_t macs) { return *allocate_channels(graph, groups, curves, macs, 1); };
  EXPECT_EQ(kept(48), (std::vector<int32_t>{4, 4}));
  EXPECT_EQ(kept(40), (std::vector<int32_t>{3, 4}));
  EXPECT_EQ(kept(26), (std::vector<int32_t>{3, 2}));
  EXPECT_EQ(*allocate_channels(graph, groups, curves, 40, 2), (std::vector<int32_t>{4, 2}));
  EXPECT_FALSE(allocate_channels(graph, groups, curves, 1, 1));
}

TEST(Reconstruct, HasALayerMakeUpForWhatIsLostBesideIt) {
  // %c loses what it cannot do without; %q still knows all of %x, so that %d can add what %c lacks.
  const Graph original = parse(R"(
input %x: f32[1,3,3,2]
const %w0: f32[1,1,2,3] = random(1)
const %w1: f32[1,1,3,2] = random(2)
const %w2: f32[1,1,2,3] = random(3)
const %w3: f32[1,1,3,2] = random(4)
%p = conv2d(%x, %w0)
%c = conv2d(%p, %w1)
%q = conv2d(%x, %w2)
%d = conv2d(%q, %w3)
%y = elementwise(%c, %d) {expr=relu(add($0, $1))}
output %y)");
  const ChannelGroups groups = ChannelGroups::find(original);
  const std::vector<std::vector<int32_t>> kept{{1}, {0, 2}};
  auto changed = remove_channels(original, groups, kept);
  ASSERT_TRUE(changed) << error_of(changed);
  const Values inputs = random_inputs(original, 99);
  EXPECT_GT(difference(run(original, inputs)[0], run(*changed, inputs)[0]), 0.1);
  const auto solved = reconstruct(original, groups, kept, random_samples(original, 40), {}, *changed);
  ASSERT_TRUE(solved) << error_of(solved);
  EXPECT_LT(difference(run(original, inputs)[0], run(*changed, inputs)[0]), 1e-3);
}

}  // namespace
}  // namespace linnet

#include "compress/distil.h"

#include <gtest/gtest.h>

#include "compress/moments.h"
#include "compress/random_samples.h"
#include "compress/remove_channels.h"
#include "compress/test_block.h"
#include "graph/test_graph.h"

namespace linnet {
namespace {

using namespace testing;

// An image that is shown at less than its size.
constexpr const char* kLargeImage = R"(
input %x: f32[1,160,160,1]
const %w0: f32[8,8,1,6] = random(1)
const %w1: f32[1,1,6,3] = random(2)
const %w2: f32[3,2] = random(3)
%a = conv2d(%x, %w0) {strides=[8,8]}
%r = elementwise(%a) {expr=relu($0)}
%y = conv2d(%r, %w1)
%m = reduce(%y) {mode=mean, axes=[1,2]}
%z = matmul(%m, %w2)
output %z)";

// The last two channels of groups of six go.
std::vector<std::vector<int32_t>> without_last(const ChannelGroups& groups) {
  std::vector<std::vector<int32_t>> kept;
  for (const ChannelGroup& group : groups.groups()) {
    kept.emplace_back();
    for (int32_t c = 0; c < group.channels; ++c)
      if (group.channels != 6 || c < 4) kept.back().push_back(c);
  }
  return kept;
}

// The squared error of value "y" for an input that is none of the samples.
double error_of_features(const Graph& original, const Graph& changed) {
  const Values inputs = random_inputs(original, 99);
  const auto features = [&](Graph graph) {
    graph.outputs = {{"y", graph.find_value("y")}};
    return run(graph, inputs)[0];
  };
  const std::vector<double> wanted = features(original), found = features(changed);
  double sum = 0;
  for (size_t i = 0; i < wanted.size(); ++i) sum += (wanted[i] - found[i]) * (wanted[i] - found[i]);
  return sum;
}

TEST(Distil, BringsFeaturesCloserWhateverTheThreads) {
  const Graph original = parse(kBlock);
  const ChannelGroups groups = ChannelGroups::find(original);
  const auto kept = without_last(groups);
  const Samples samples = random_samples(original, 24);
  std::string texts[2];
  for (int threads = 1; threads <= 2; ++threads) {
    Graph changed = *remove_channels(original, groups, kept);
    const double before = error_of_features(original, changed);
    const auto done = distil(original, kept, samples,
                             {.threads = threads, .steps = 150, .batch = 8, .rate = 0.02}, changed);
    ASSERT_TRUE(done) << error_of(done);
    EXPECT_TRUE(*done);
    EXPECT_LT(error_of_features(original, changed), 0.6 * before);
    texts[threads - 1] = print_graph(changed, 1000);
  }
  EXPECT_EQ(texts[0], texts[1]);
}

TEST(Distil, LeavesLayersThatKeptTheirChannels) {
  const Graph original = parse(kBlock);
  const ChannelGroups groups = ChannelGroups::find(original);
  const auto kept = without_last(groups);
  Graph changed = *remove_channels(original, groups, kept);
  const auto done = distil(original, kept, random_samples(original, 8), {.steps = 3}, changed);
  ASSERT_TRUE(done && *done);
  for (NodeId id = 0; id < original.node_count(); ++id) {
    const std::string& name = original.node(id).name;
    if (name == "a" || name == "z")
      EXPECT_EQ(patch_weights(original, original.node(id)), patch_weights(changed, changed.node(id)));
  }
}

TEST(Distil, LearnsFromPartsOfLargeImages) {
  const Graph original = parse(kLargeImage);
  const ChannelGroups groups = ChannelGroups::find(original);
  const auto kept = without_last(groups);
  Graph changed = *remove_channels(original, groups, kept);
  const double before = error_of_features(original, changed);
  const auto done = distil(original, kept, random_samples(original, 6),
                           {.steps = 20, .batch = 4, .augment = true, .rate = 0.05}, changed);
  ASSERT_TRUE(done) << error_of(done);
  EXPECT_TRUE(*done);
  EXPECT_TRUE(verify(changed));
  EXPECT_EQ(changed.value(changed.inputs[0].value).shape, (Shape{1, 160, 160, 1}));
  EXPECT_LT(error_of_features(original, changed), 0.7 * before);
}

}  // namespace
}  // namespace linnet

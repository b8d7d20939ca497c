#include "compress/channel_groups.h"

#include <gtest/gtest.h>

#include "compress/remove_channels.h"
#include "graph/op_def.h"
#include "graph/test_graph.h"

namespace linnet {
namespace {

using namespace testing;

// Each group as channels, producers' and consumers' names.
std::vector<std::string> describe_groups(const Graph& graph) {
  std::vector<std::string> lines;
  const ChannelGroups groups = ChannelGroups::find(graph);
  for (const ChannelGroup& group : groups.groups()) {
    std::string line = std::to_string(group.channels) + ":";
    for (NodeId id : group.producers) line += " " + graph.node(id).name;
    line += " ->";
    for (const ChannelConsumer& consumer : group.consumers) line += " " + graph.node(consumer.node).name;
    lines.push_back(line);
  }
  return lines;
}

constexpr const char* kResidual = R"(
input %x: f32[1,6,6,3]
const %w0: f32[3,3,3,4] = random(1)
const %w1: f32[1,1,4,6] = random(2)
const %b1: f32[6] = random(3)
const %d: f32[3,3,6,1] = random(4)
const %s: f32[6] = random(5)
const %w2: f32[1,1,6,4] = random(6)
const %w3: f32[4,2] = random(7)
%stem = conv2d(%x, %w0) {pads=[1,1,1,1]}
%expand = conv2d(%stem, %w1, %b1)
%a = elementwise(%expand) {expr=relu6($0)}
%dw = depthwise_conv2d(%a, %d) {pads=[1,1,1,1]}
%scaled = elementwise(%dw, %s) {expr=mul($0, $1)}
%project = conv2d(%scaled, %w2)
%sum = elementwise(%stem, %project) {expr=add($0, $1)}
%mean = reduce(%sum) {mode=mean, axes=[1,2]}
%y = matmul(%mean, %w3)
output %y)";

TEST(ChannelGroups, JoinsResidualSumsAndDepthwiseConvolutions) {
  EXPECT_EQ(describe_groups(parse(kResidual)),
            (std::vector<std::string>{"4: stem project -> expand y", "6: expand -> project"}));
}

TEST(ChannelGroups, LeavesInputsOutputsAndMixedChannelsAlone) {
  // A softmax over channels mixes them; the transposed matrix reads rows of w.
  const Graph graph = parse(R"(
input %x: f32[2,3]
const %w: f32[3,4] = random(1)
const %v: f32[5,4] = random(2)
const %u: f32[5,2] = random(3)
%a = matmul(%x, %w)
%s = softmax(%a)
%b = matmul(%s, %v) {transpose_b=true}
%y = matmul(%b, %u)
output %y)");
  EXPECT_EQ(describe_groups(graph), (std::vector<std::string>{"5: b -> y"}));
}

TEST(ChannelGroups, KnowsConcatenatedAndFlattenedChannels) {
  const Graph graph = parse(R"(
input %x: f32[1,2,1,3]
const %w1: f32[1,1,3,2] = random(1)
const %w2: f32[1,1,3,3] = random(2)
const %w3: f32[10,4] = random(3)
%a = conv2d(%x, %w1)
%b = conv2d(%x, %w2)
%c = concat(%a, %b) {axis=3}
%f = reshape(%c) {shape=[1,10]}
%y = matmul(%f, %w3)
output %y)");
  const ChannelGroups groups = ChannelGroups::find(graph);
  ASSERT_EQ(groups.groups().size(), 2u);
  // Channel 1 of b: numbers 3 and 8 of the flattened image.
  EXPECT_EQ(groups.groups()[1].consumers[0].rows[1], (std::vector<int32_t>{3, 8}));
  const std::vector<std::vector<int32_t>> kept{{1}, {0, 2}};
  EXPECT_EQ(groups.kept_indices(graph, graph.find_value("f"), 1, kept),
            (std::vector<int32_t>{1, 2, 4, 6, 7, 9}));
}

// The graph with channels set to zero, by their consumers' weights, and the one without them agree.
TEST(RemoveChannels, ComputesWhatZeroedChannelsCompute) {
  const Graph graph = parse(kResidual);
  const ChannelGroups groups = ChannelGroups::find(graph);
  const std::vector<std::vector<int32_t>> kept{{0, 1, 3}, {1, 4}};
  const auto removed = remove_channels(graph, groups, kept);
  ASSERT_TRUE(removed) << error_of(removed);
  ASSERT_TRUE(verify(*removed)) << error_of(verify(*removed));
  EXPECT_EQ(removed->value(removed->find_value("project")).shape, (Shape{1, 6, 6, 3}));
  int64_t macs = 0;
  for (const Node& node : removed->nodes()) macs += node_macs(*removed, node);
  EXPECT_EQ(groups.macs(graph, std::vector<int32_t>{3, 2}), macs);

  Graph zeroed = graph;
  for (size_t g = 0; g < kept.size(); ++g)
    for (const ChannelConsumer& consumer : groups.groups()[g].consumers) {
      const ValueId weights = zeroed.node(consumer.node).inputs[1];
      Tensor copy = *Tensor::zeros(DType::F32, zeroed.value(weights).shape);
      const int64_t columns = copy.shape().back();
      for (size_t c = 0; c < consumer.rows.size(); ++c)
        if (std::ranges::find(kept[g], static_cast<int32_t>(c)) != kept[g].end())
          for (int32_t row : consumer.rows[c])
            for (int64_t k = row * columns; k < (row + 1) * columns; ++k)
              copy.mutable_as<float>()[k] = zeroed.value(weights).constant.as<float>()[k];
      zeroed.node(consumer.node).inputs[1] = zeroed.add_constant("zeroed", copy);
    }
  const Values inputs = random_inputs(graph);
  expect_near(run(*removed, inputs)[0], run(zeroed, inputs)[0]);
}

}  // namespace
}  // namespace linnet

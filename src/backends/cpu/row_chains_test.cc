#include "backends/cpu/row_chains.h"

#include <gtest/gtest.h>

#include "graph/test_graph.h"

namespace linnet::cpu {
namespace {

using linnet::testing::parse;

// An inverted residual over f32[1,size,size,16] with `expanded` channels between, and a larger `extra` use.
Graph inverted_residual(int size, int expanded, const char* extra = "") {
  const std::string s = std::to_string(size), e = std::to_string(expanded);
  return parse("input %x: f32[1," + s + "," + s + ",16]\nconst %w: f32[1,1,16," + e +
               "] = splat(1)\nconst %d: f32[3,3," + e + ",1] = splat(1)\nconst %p: f32[1,1," + e +
               ",24] = splat(1)\n%expand = conv2d(%x, %w) {}\n" +
               "%depthwise = depthwise_conv2d(%expand, %d) {strides=[2,2], pads=[0,1,0,1]}\n" +
               "%project = conv2d(%depthwise, %p) {}\n" + extra + "output %project");
}

TEST(RowChains, FuseLargeInvertedResiduals) {
  const Graph graph = inverted_residual(112, 96);
  const auto chains = choose_row_chains(graph, RowFusion::WherePays, 1);
  ASSERT_EQ(chains.size(), 1u);
  EXPECT_EQ(chains[0].nodes, (std::vector<NodeId>{0, 1, 2}));
  EXPECT_EQ(chains[0].name, "expand .. project");
  // Rows of the expanded image that a group's windows span, and rows of the depthwise result.
  const uint32_t rows = chains[0].group_rows;
  EXPECT_EQ(chains[0].held_rows, (std::vector<uint32_t>{2 * rows + 1, rows}));
  EXPECT_EQ(chains[0].fresh_rows, (std::vector<uint32_t>{2 * rows, rows, rows}));
  EXPECT_EQ(chains[0].held_bytes, (2 * rows + 1) * 112 * 96 * 4 + rows * 56 * 96 * 4);
}

TEST(RowChains, LeaveImagesOfFewRowsAlone) {
  EXPECT_TRUE(choose_row_chains(inverted_residual(7, 960), RowFusion::WherePays, 1).empty());
  EXPECT_TRUE(choose_row_chains(inverted_residual(7, 960), RowFusion::WherePays, 4).empty());
}

TEST(RowChains, EndWhereAnotherNodeReads) {
  const Graph graph = inverted_residual(112, 96, "output %expand\n");
  for (const RowFusion fusion : {RowFusion::WherePays, RowFusion::Everywhere})
    for (const RowChain& chain : choose_row_chains(graph, fusion, 1))
      EXPECT_EQ(chain.nodes, (std::vector<NodeId>{1, 2}));
}

TEST(RowChains, AreOptional) {
  EXPECT_TRUE(choose_row_chains(inverted_residual(112, 96), RowFusion::Off, 1).empty());
  EXPECT_EQ(choose_row_chains(inverted_residual(7, 960), RowFusion::Everywhere, 1).size(), 1u);
}

TEST(RowChains, TakeOnlyNodesWithKernelsByRows) {
  const Graph graph = parse(R"(input %x: f32[1,64,64,16]
input %w: f32[1,1,16,96]
const %d: f32[3,3,96,2] = splat(1)
const %p: f32[1,1,192,24] = splat(1)
%expand = conv2d(%x, %w) {}
%depthwise = depthwise_conv2d(%expand, %d) {pads=[1,1,1,1]}
%project = conv2d(%depthwise, %p) {}
output %project)");
  EXPECT_TRUE(choose_row_chains(graph, RowFusion::Everywhere, 1).empty());
}

}  // namespace
}  // namespace linnet::cpu

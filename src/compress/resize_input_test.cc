#include "compress/resize_input.h"

#include <gtest/gtest.h>

#include "graph/test_graph.h"

namespace linnet {
namespace {

using namespace testing;

TEST(ResizeInput, HasTheSameNodesForAnotherSize) {
  const auto text = [](int height, int width) {
    const std::string size = std::to_string(height) + "," + std::to_string(width);
    return "input %x: f32[1," + size + R"(,2]
const %w: f32[3,3,2,4] = random(1)
const %v: f32[4,3] = random(2)
%a = conv2d(%x, %w) {strides=[2,2], pads=[1,1,1,1]}
%r = elementwise(%a) {expr=relu6($0)}
%m = reduce(%r) {mode=mean, axes=[1,2]}
%y = matmul(%m, %v)
output %y)";
  };
  const auto resized = resize_input(parse(text(9, 9)), 6, 11);
  ASSERT_TRUE(resized) << error_of(resized);
  EXPECT_EQ(print_graph(*resized, 100), print_graph(parse(text(6, 11)), 100));
}

TEST(ResizeInput, FailsWhereAConstantForbidsIt) {
  const Graph graph = parse(R"(
input %x: f32[1,4,4,2]
const %c: f32[1,4,4,2] = random(1)
%y = elementwise(%x, %c) {expr=add($0, $1)}
output %y)");
  EXPECT_FALSE(resize_input(graph, 3, 3));
}

}  // namespace
}  // namespace linnet

#include "passes/test_pass.h"

namespace linnet {
namespace {

using namespace testing;

TEST(FoldConstants, EvaluatesWhatOnlyConstantsFeed) {
  expect_pass(fold_constants, R"(
input %x: f32[2]
const %a: f32[2] = [1, 2]
const %b: f32[2] = [10, 20]
%sum: f32[2] = elementwise(%a, %b) {expr=add($0, $1)}
%negated: f32[2] = elementwise(%sum) {expr=neg($0)}
%y: f32[2] = elementwise(%x, %negated) {expr=mul($0, $1)}
output %y
)",
              R"(
input %x: f32[2]
const %negated: f32[2] = [-11, -22]
%y: f32[2] = elementwise(%x, %negated) {expr=mul($0, $1)}
output %y
)",
              2);
}

TEST(FoldConstants, MayFoldAnOutput) {
  expect_pass(fold_constants, R"(
const %a: f32[2] = [1, 2]
%y: i32[2] = cast(%a) {dtype=i32}
output %y
)",
              R"(
const %y: i32[2] = [1, 2]
output %y
)",
              1);
}

TEST(FoldConstants, LeavesWhatAnInputFeeds) {
  expect_untouched(fold_constants, R"(
input %x: f32[2]
const %a: f32[2] = [1, 2]
%y: f32[2] = elementwise(%a, %x) {expr=add($0, $1)}
%z: f32[2] = elementwise(%y, %a) {expr=add($0, $1)}
output %z
)");
}

// 16 MiB and a bit of zeros are not worth their bytes.
TEST(FoldConstants, LeavesWhatWouldGrowTheWeights) {
  Graph graph = parse(R"(
const %a: f32[1] = [1]
const %b: f32[1] = [2]
%c = pad(%a) {pads=[0,4194304]}
%d = pad(%b) {pads=[0,4194303]}
output %c
output %d)");
  const auto done = fold_constants(graph);
  ASSERT_TRUE(done);
  EXPECT_EQ(*done, 1);
  EXPECT_EQ(graph.node_count(), 1u);
  EXPECT_EQ(graph.node(0).name, "c");
}

TEST(FoldConstants, LeavesWindows) {
  expect_untouched(fold_constants, R"(
const %a: f32[1,2,2,1] = [1, 2, 3, 4]
%y: f32[1,1,1,1] = max_pool(%a) {kernel=[2,2]}
output %y
)");
}

}  // namespace
}  // namespace linnet

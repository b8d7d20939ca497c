#include <cmath>

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

TEST(FoldConstants, LeavesStoredWeightsUntilTheyAreRead) {
  Graph graph = parse(R"(
input %x: f32[2,3]
const %codes: f32[2,3] = [1, 2, 3, 4, 5, 6]
const %scale: f32[3] = [1, 10, 100]
%w = elementwise(%codes, %scale) {expr=mul($0, $1)}
%n = elementwise(%w) {expr=neg($0)}
%y = elementwise(%x, %n) {expr=add($0, $1)}
output %y
)");
  Value& codes = graph.value(graph.find_value("codes"));
  Tensor stored = codes.constant;
  int computed = 0;
  codes.constant = lazy_tensor(DType::F32, codes.shape, [stored, &computed]() -> Result<Buffer> {
    ++computed;
    return Tensor(stored).take();
  });
  const auto folded = fold_constants(graph);
  ASSERT_TRUE(folded) << error_of(folded);
  EXPECT_EQ(*folded, 2);
  EXPECT_EQ(computed, 0);
  const Tensor weights = graph.value(graph.find_value("n")).constant;
  EXPECT_TRUE(weights.is_lazy());
  for (int i = 0; i < 6; ++i) EXPECT_EQ(weights.at(i), -(i + 1) * std::pow(10, i % 3));
  EXPECT_EQ(computed, 1);
}

TEST(FoldConstants, LeavesWhatRearrangesStoredWeightsUntilItIsRead) {
  Graph graph = parse(R"(
const %codes: f32[2,3] = [1, 2, 3, 4, 5, 6]
%t = transpose(%codes) {perm=[1,0]}
%r = reshape(%t) {shape=[6]}
%w = cast(%r) {dtype=i32}
output %w
)");
  Value& codes = graph.value(graph.find_value("codes"));
  const Tensor stored = codes.constant;
  codes.constant = lazy_tensor(DType::F32, codes.shape, [stored] { return Tensor(stored).take(); });
  const auto folded = fold_constants(graph);
  ASSERT_TRUE(folded) << error_of(folded);
  const Tensor weights = graph.value(graph.outputs[0].value).constant;
  EXPECT_TRUE(weights.is_lazy());
  const int expected[] = {1, 4, 2, 5, 3, 6};
  for (int i = 0; i < 6; ++i) EXPECT_EQ(weights.at(i), expected[i]);
}

// It would hold what it was joined of.
TEST(FoldConstants, JoinsLargeStoredWeightsAtOnce) {
  Graph graph;
  std::vector<ValueId> parts;
  for (const char* name : {"a", "b"})
    parts.push_back(graph.add_constant(
        name, lazy_tensor(DType::F32, {1, 20000}, [] { return Result<Buffer>(Buffer::allocate(80000)); })));
  Attrs attrs;
  attrs.set(Attr::axis, int64_t{0});
  graph.outputs.push_back({"w", *graph.add(Op::concat, "w", parts, std::move(attrs))});
  const auto folded = fold_constants(graph);
  ASSERT_TRUE(folded) << error_of(folded);
  EXPECT_FALSE(graph.value(graph.outputs[0].value).constant.is_lazy());
  EXPECT_FALSE(graph.value(parts[1]).is_constant());
}

// Each that waits computes the one before: as many as a model may have would take all of the stack.
TEST(FoldConstants, FoldsChainsOfAnyLength) {
  std::string text = "const %n0: f32[2] = [1, 2]\n";
  constexpr int kNodes = 50001;
  for (int i = 1; i <= kNodes; ++i)
    text += "%n" + std::to_string(i) + " = elementwise(%n" + std::to_string(i - 1) + ") {expr=neg($0)}\n";
  Graph graph = parse(text + "output %n" + std::to_string(kNodes));
  Value& first = graph.value(graph.find_value("n0"));
  const Tensor stored = first.constant;
  first.constant = lazy_tensor(DType::F32, first.shape, [stored] { return Tensor(stored).take(); });
  const auto folded = fold_constants(graph);
  ASSERT_TRUE(folded) << error_of(folded);
  const Tensor last = graph.value(graph.outputs[0].value).constant;
  EXPECT_EQ(last.at(0), -1);
  EXPECT_EQ(last.at(1), -2);
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

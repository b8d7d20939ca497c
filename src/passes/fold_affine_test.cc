#include "passes/test_pass.h"

namespace linnet {
namespace {

using namespace testing;

TEST(FoldAffine, MovesAScaleAndAShiftIntoAConvolution) {
  expect_pass(fold_affine, R"(
input %x: f32[1,2,2,2]
const %w: f32[1,1,2,2] = [1, 2, 3, 4]
const %b: f32[2] = [5, 6]
const %scale: f32[2] = [2, 10]
const %shift: f32[1,1,1,2] = [0.5, 0.25]
%c: f32[1,2,2,2] = conv2d(%x, %w, %b)
%m: f32[1,2,2,2] = elementwise(%scale, %c) {expr=mul($0, $1)}
%a: f32[1,2,2,2] = elementwise(%m, %shift) {expr=sub($0, $1)}
output %a
)",
              R"(
input %x: f32[1,2,2,2]
const %w/scaled: f32[1,1,2,2] = [2, 20, 6, 40]
const %c/bias.1: f32[2] = [9.5, 59.75]
%c: f32[1,2,2,2] = conv2d(%x, %w/scaled, %c/bias.1)
output %c as "a"
)",
              2);
}

// Channel c makes the outputs 2c and 2c + 1.
TEST(FoldAffine, KnowsTheChannelsOfDepthwiseWeights) {
  expect_pass(fold_affine, R"(
input %x: f32[1,1,2,2]
const %w: f32[1,2,2,2] = [1, 1, 1, 1, 2, 2, 2, 2]
const %scale: f32[4] = [1, 10, 100, 1000]
%c: f32[1,1,1,4] = depthwise_conv2d(%x, %w)
%m: f32[1,1,1,4] = elementwise(%c, %scale) {expr=mul($0, $1)}
output %m
)",
              R"(
input %x: f32[1,1,2,2]
const %w/scaled: f32[1,2,2,2] = [1, 10, 100, 1000, 2, 20, 200, 2000]
%c: f32[1,1,1,4] = depthwise_conv2d(%x, %w/scaled)
output %c as "m"
)",
              1);
}

// Their outputs are the third axis.
TEST(FoldAffine, KnowsTheChannelsOfTransposedWeights) {
  expect_pass(fold_affine, R"(
input %x: f32[1,1,1,2]
const %w: f32[1,1,3,2] = [1, 1, 1, 1, 1, 1]
const %scale: f32[3] = [1, 2, 3]
const %one: f32[] = [1]
%c: f32[1,1,1,3] = conv2d_transpose(%x, %w) {output_shape=[1,1]}
%m: f32[1,1,1,3] = elementwise(%c, %scale) {expr=mul($0, $1)}
%a: f32[1,1,1,3] = elementwise(%one, %m) {expr=add($0, $1)}
output %a
)",
              R"(
input %x: f32[1,1,1,2]
const %w/scaled: f32[1,1,3,2] = [1, 1, 2, 2, 3, 3]
const %c/bias: f32[3] = [1, 1, 1]
%c: f32[1,1,1,3] = conv2d_transpose(%x, %w/scaled, %c/bias) {output_shape=[1,1]}
output %c as "a"
)",
              2);
}

TEST(FoldAffine, KnowsTheColumnsOfMatmul) {
  expect_pass(fold_affine, R"(
input %x: f32[1,2]
const %w: f32[3,2] = [1, 1, 1, 1, 1, 1]
const %v: f32[3,2] = [1, 1, 1, 1, 1, 1]
const %scale3: f32[3] = [1, 2, 3]
const %scale2: f32[2] = [5, 7]
%a: f32[1,3] = matmul(%x, %w) {transpose_b=true}
%b: f32[1,3] = elementwise(%a, %scale3) {expr=mul($0, $1)}
%c: f32[1,2] = matmul(%b, %v)
%d: f32[1,2] = elementwise(%c, %scale2) {expr=mul($0, $1)}
output %d
)",
              R"(
input %x: f32[1,2]
const %w/scaled: f32[3,2] = [1, 1, 2, 2, 3, 3]
const %v/scaled: f32[3,2] = [5, 7, 5, 7, 5, 7]
%a: f32[1,3] = matmul(%x, %w/scaled) {transpose_b=true}
%c: f32[1,2] = matmul(%a, %v/scaled)
output %c as "d"
)",
              2);
}

// The weights that another node uses too stay as they are for it.
TEST(FoldAffine, ScalesACopyOfSharedWeights) {
  expect_pass(fold_affine, R"(
input %x: f32[1,2]
const %w: f32[2,2] = [1, 2, 3, 4]
const %two: f32[1] = [2]
%a: f32[1,2] = matmul(%x, %w)
%b: f32[1,2] = elementwise(%a, %two) {expr=mul($0, $1)}
%c: f32[1,2] = matmul(%b, %w)
output %c
)",
              R"(
input %x: f32[1,2]
const %w: f32[2,2] = [1, 2, 3, 4]
const %w/scaled: f32[2,2] = [2, 4, 6, 8]
%a: f32[1,2] = matmul(%x, %w/scaled)
%c: f32[1,2] = matmul(%a, %w)
output %c
)",
              1);
}

// Each graph is one reason not to fold.
TEST(FoldAffine, LeavesTheRest) {
  const std::string head = R"(
input %x: f32[1,2]
input %y: f32[1,2]
const %w: f32[2,2] = [1, 2, 3, 4]
const %s: f32[2] = [5, 6]
)";
  const std::string user = "%m: f32[1,2] = elementwise(%c, %s) {expr=mul($0, $1)}\n";
  const struct {
    const char* why;
    std::string text;
  } cases[] = {
      {"two uses", head + "%c: f32[1,2] = matmul(%x, %w)\n" + user +
                       "%z: f32[1,2] = elementwise(%m, %c, %y) {expr=add($0, add($1, $2))}\noutput %z\n"},
      {"an output port", head + "%c: f32[1,2] = matmul(%x, %w)\n" + user +
                             "%z: f32[1,2] = elementwise(%m, %y) {expr=add($0, $1)}\noutput %z\noutput %c\n"},
      {"an epilogue between", head + "%c: f32[1,2] = matmul(%x, %w) {epilogue=relu($0)}\n" + user +
                                  "%z: f32[1,2] = elementwise(%m, %y) {expr=add($0, $1)}\noutput %z\n"},
      {"another operator",
       head + "%c: f32[1,2] = matmul(%x, %w)\n%m: f32[1,2] = elementwise(%c, %s) "
              "{expr=div($0, $1)}\n%z: f32[1,2] = elementwise(%m, %y) {expr=add($0, $1)}\noutput %z\n"},
      {"the product taken away",
       head + "%c: f32[1,2] = matmul(%x, %w)\n%m: f32[1,2] = elementwise(%s, %c) "
              "{expr=sub($0, $1)}\n%z: f32[1,2] = elementwise(%m, %y) {expr=add($0, $1)}\noutput %z\n"},
      {"not a constant",
       "\ninput %x: f32[1,2]\ninput %y: f32[1,2]\nconst %w: f32[2,2] = [1, 2, 3, 4]\n"
       "%c: f32[1,2] = matmul(%x, %w)\n%m: f32[1,2] = elementwise(%c, %y) {expr=mul($0, $1)}\noutput %m\n"},
      {"weights that are not constant",
       "\ninput %x: f32[1,2]\ninput %w: f32[2,2]\nconst %s: f32[2] = [5, 6]\n%c: f32[1,2] = matmul(%x, "
       "%w)\n" +
           user + "output %m\n"},
      {"a bias that is not constant",
       "\ninput %x: f32[1,2]\ninput %b: f32[2]\nconst %w: f32[2,2] = [1, 2, 3, 4]\nconst %s: f32[2] = [5, "
       "6]\n"
       "%c: f32[1,2] = matmul(%x, %w, %b)\n" +
           user + "output %m\n"},
      {"a constant for each row",
       "\ninput %x: f32[2,2]\nconst %w: f32[2,2] = [1, 2, 3, 4]\nconst %s: f32[2,1] = [5, 6]\n"
       "%c: f32[2,2] = matmul(%x, %w)\n%m: f32[2,2] = elementwise(%c, %s) {expr=mul($0, $1)}\noutput %m\n"},
      {"a constant for each element",
       "\ninput %x: f32[2,2]\nconst %w: f32[2,2] = [1, 2, 3, 4]\nconst %s: f32[2,2] = [5, 6, 7, 8]\n"
       "%c: f32[2,2] = matmul(%x, %w)\n%m: f32[2,2] = elementwise(%c, %s) {expr=add($0, $1)}\noutput %m\n"},
      {"a constant that makes the result larger",
       "\ninput %x: f32[1,2]\nconst %w: f32[2,1] = [1, 2]\nconst %s: f32[2] = [5, 6]\n"
       "%c: f32[1,1] = matmul(%x, %w)\n%m: f32[1,2] = elementwise(%c, %s) {expr=mul($0, $1)}\noutput %m\n"},
      {"one more dimension",
       "\ninput %x: f32[1,2]\nconst %w: f32[2,2] = [1, 2, 3, 4]\nconst %s: f32[1,1,2] = [5, 6]\n"
       "%c: f32[1,2] = matmul(%x, %w)\n%m: f32[1,1,2] = elementwise(%c, %s) {expr=mul($0, $1)}\noutput %m\n"},
      {"weights with a batch of their own",
       "\ninput %x: f32[1,1,2]\nconst %w: f32[2,2,2] = [1, 2, 3, 4, 5, 6, 7, 8]\nconst %s: f32[2] = [5, 6]\n"
       "%c: f32[2,1,2] = matmul(%x, %w)\n%m: f32[2,1,2] = elementwise(%c, %s) {expr=mul($0, $1)}\noutput "
       "%m\n"},
  };
  for (const auto& [why, text] : cases) {
    SCOPED_TRACE(why);
    expect_untouched(fold_affine, text);
  }
}

TEST(FoldAffine, LeavesStoredWeightsUntilTheyAreRead) {
  Graph graph = parse(R"(
input %x: f32[1,1,1,2]
const %w: f32[1,1,2,2] = [1, 2, 3, 4]
const %scale: f32[2] = [2, 10]
%c = conv2d(%x, %w)
%m = elementwise(%c, %scale) {expr=mul($0, $1)}
%n = elementwise(%m, %scale) {expr=mul($0, $1)}
output %n
)");
  Value& stored = graph.value(graph.find_value("w"));
  int computed = 0;
  stored.constant =
      lazy_tensor(DType::F32, stored.shape, [weights = stored.constant, &computed]() -> Result<Buffer> {
        ++computed;
        return Tensor(weights).take();
      });
  const auto folded = fold_affine(graph);
  ASSERT_TRUE(folded) << error_of(folded);
  EXPECT_EQ(*folded, 2);
  EXPECT_EQ(computed, 0);
  const Tensor weights = graph.value(graph.node(0).inputs[1]).constant;
  EXPECT_TRUE(weights.is_lazy());
  const double expected[] = {4, 200, 12, 400};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(weights.at(i), expected[i]);
  EXPECT_EQ(computed, 1);
}

// Each that waits computes the one before: as many as a model may have would take all of the stack.
TEST(FoldAffine, ScalesStoredWeightsAnyNumberOfTimes) {
  constexpr int kNodes = 4000;
  std::string text =
      "input %x: f32[1,1,1,1]\nconst %w: f32[1,1,1,1] = [3]\nconst %minus: f32[1] = [-1]\n%n0 = conv2d(%x, "
      "%w)\n";
  for (int i = 1; i <= kNodes; ++i)
    text += "%n" + std::to_string(i) + " = elementwise(%n" + std::to_string(i - 1) +
            ", %minus) {expr=mul($0, $1)}\n";
  Graph graph = parse(text + "output %n" + std::to_string(kNodes));
  Value& stored = graph.value(graph.find_value("w"));
  stored.constant =
      lazy_tensor(DType::F32, stored.shape, [weights = stored.constant] { return Tensor(weights).take(); });
  const auto folded = fold_affine(graph);
  ASSERT_TRUE(folded) << error_of(folded);
  EXPECT_EQ(*folded, kNodes);
  EXPECT_EQ(graph.value(graph.node(0).inputs[1]).constant.at(0), 3);
}

}  // namespace
}  // namespace linnet

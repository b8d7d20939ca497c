#include "passes/test_pass.h"

namespace linnet {
namespace {

using namespace testing;

// Both passes, as the pipeline runs them.
Result<int> fuse(Graph& graph) {
  TRY_ASSIGN(const int chains, fuse_elementwise(graph));
  TRY_ASSIGN(const int epilogues, fuse_epilogues(graph));
  return chains + epilogues;
}

TEST(FuseElementwise, ComposesAChain) {
  expect_pass(fuse, R"(
input %x: f32[2,3]
input %s: f32[3]
%a: f32[2,3] = elementwise(%x) {expr=neg($0)}
%b: f32[2,3] = elementwise(%s, %a) {expr=mul($0, $1)}
%c: f32[2,3] = elementwise(%b, %x) {expr=add($0, $1)}
output %c
)",
              R"(
input %x: f32[2,3]
input %s: f32[3]
%c: f32[2,3] = elementwise(%x, %s) {expr=add(mul($1, neg($0)), $0)}
output %c
)",
              2);
}

TEST(FuseElementwise, InlinesScalars) {
  expect_pass(fuse, R"(
input %x: f32[2,3]
const %three: f32[] = [3]
const %sixth: f32[1,1] = [0.166666672]
%a: f32[2,3] = elementwise(%x, %three) {expr=add($0, $1)}
%b: f32[2,3] = elementwise(%a) {expr=relu6($0)}
%c: f32[2,3] = elementwise(%sixth, %b) {expr=mul($0, $1)}
output %c
)",
              R"(
input %x: f32[2,3]
%c: f32[2,3] = elementwise(%x) {expr=mul(0.166666672, relu6(add($0, 3)))}
output %c
)",
              4);
}

// Without the constant the result would have another shape.
TEST(FuseElementwise, KeepsAScalarThatGivesTheShape) {
  expect_untouched(fuse, R"(
input %x: f32[2]
const %one: f32[1,1] = [1]
%a: f32[1,2] = elementwise(%x, %one) {expr=add($0, $1)}
output %a
)");
}

TEST(FuseElementwise, MakesAnEpilogue) {
  expect_pass(fuse, R"(
input %x: f32[1,2,2,2]
const %w: f32[1,1,2,2] = [1, 2, 3, 4]
const %b: f32[2] = [5, 6]
const %slope: f32[2] = [0.5, 0.25]
%c: f32[1,2,2,2] = conv2d(%x, %w, %b)
%r: f32[1,2,2,2] = elementwise(%c, %x) {expr=add($0, $1)}
%y: f32[1,2,2,2] = elementwise(%r, %slope) {expr=prelu($0, $1)}
output %y
)",
              R"(
input %x: f32[1,2,2,2]
const %w: f32[1,1,2,2] = [1, 2, 3, 4]
const %b: f32[2] = [5, 6]
const %slope: f32[2] = [0.5, 0.25]
%c: f32[1,2,2,2] = conv2d(%x, %w, %b, %slope, %x) {epilogue=prelu(add($0, $2), $1)}
output %c as "y"
)",
              2);
}

// The epilogue's operands come after the bias, so there has to be one.
TEST(FuseElementwise, AddsABiasBeforeOperands) {
  expect_pass(fuse, R"(
input %x: f32[1,2]
input %r: f32[1,3]
const %w: f32[2,3] = [1, 2, 3, 4, 5, 6]
%c: f32[1,3] = matmul(%x, %w)
%y: f32[1,3] = elementwise(%r, %c) {expr=sub($0, $1)}
output %y
)",
              R"(
input %x: f32[1,2]
input %r: f32[1,3]
const %w: f32[2,3] = [1, 2, 3, 4, 5, 6]
const %c/bias: f32[3] = [0, 0, 0]
%c: f32[1,3] = matmul(%x, %w, %c/bias, %r) {epilogue=sub($1, $0)}
output %c as "y"
)",
              1);
}

// Of two candidates the later one takes the operation: the other is there when it runs.
TEST(FuseElementwise, PicksTheLastComputedOperand) {
  expect_pass(fuse, R"(
input %x: f32[1,2]
const %w: f32[2,2] = [1, 2, 3, 4]
const %b: f32[2] = [0, 0]
%c: f32[1,2] = matmul(%x, %w, %b)
%d: f32[1,2] = matmul(%c, %w, %b)
%e: f32[1,2] = matmul(%x, %w, %b)
%y: f32[1,2] = elementwise(%e, %d) {expr=sub($0, $1)}
output %y
)",
              R"(
input %x: f32[1,2]
const %w: f32[2,2] = [1, 2, 3, 4]
const %b: f32[2] = [0, 0]
%c: f32[1,2] = matmul(%x, %w, %b)
%d: f32[1,2] = matmul(%c, %w, %b)
%e: f32[1,2] = matmul(%x, %w, %b, %d) {epilogue=sub($0, $1)}
output %e as "y"
)",
              1);
}

// An operand computed after the structured op moves in front of it.
TEST(FuseElementwise, SortsOperandsBeforeTheirEpilogue) {
  expect_pass(fuse, R"(
input %x: f32[1,2]
const %w: f32[2,2] = [1, 2, 3, 4]
const %b: f32[2] = [0, 0]
%c: f32[1,2] = matmul(%x, %w, %b)
%s: f32[1,2] = softmax(%x)
%y: f32[1,2] = elementwise(%c, %s) {expr=mul($0, $1)}
output %y
)",
              R"(
input %x: f32[1,2]
const %w: f32[2,2] = [1, 2, 3, 4]
const %b: f32[2] = [0, 0]
%s: f32[1,2] = softmax(%x)
%c: f32[1,2] = matmul(%x, %w, %b, %s) {epilogue=mul($0, $1)}
output %c as "y"
)",
              1);
}

TEST(FuseElementwise, TakesTheSameOperandTwice) {
  expect_pass(fuse, R"(
input %x: f32[1,2]
const %w: f32[2,2] = [1, 2, 3, 4]
%c: f32[1,2] = matmul(%x, %w)
%y: f32[1,2] = elementwise(%c, %c) {expr=mul($0, sigmoid($1))}
output %y
)",
              R"(
input %x: f32[1,2]
const %w: f32[2,2] = [1, 2, 3, 4]
%c: f32[1,2] = matmul(%x, %w) {epilogue=mul($0, sigmoid($0))}
output %c as "y"
)",
              1);
}

TEST(FuseElementwise, DropsOperandsThatItDoesNotUse) {
  expect_pass(fuse, R"(
input %x: f32[2]
input %z: f32[2]
%y: f32[2] = elementwise(%z, %x) {expr=neg($1)}
output %y
)",
              R"(
input %x: f32[2]
input %z: f32[2]
%y: f32[2] = elementwise(%x) {expr=neg($0)}
output %y
)",
              0);
}

// An operand that the expression does not use may still be what gives the result its shape.
TEST(FuseElementwise, KeepsOperandsThatGiveTheShape) {
  expect_untouched(fuse, R"(
input %x: f32[2,3]
input %s: f32[3]
%y: f32[2,3] = elementwise(%x, %s) {expr=neg($1)}
output %y
)");
  expect_untouched(fuse, R"(
input %x: f32[2,3]
%y: f32[2,3] = elementwise(%x) {expr=add(1, 2)}
output %y
)");
  expect_pass(fuse, R"(
input %x: f32[2,3]
input %s: f32[3]
%a: f32[2,3] = elementwise(%x, %s) {expr=neg($1)}
%y: f32[2,3] = elementwise(%a, %a) {expr=mul($0, $1)}
output %y
)",
              R"(
input %x: f32[2,3]
input %s: f32[3]
%y: f32[2,3] = elementwise(%x, %s) {expr=mul(neg($1), neg($1))}
output %y
)",
              1);
}

TEST(FuseElementwise, LeavesTheRest) {
  // A result that a port shows, and one with two users.
  expect_untouched(fuse, R"(
input %x: f32[2]
%a: f32[2] = elementwise(%x) {expr=neg($0)}
%b: f32[2] = elementwise(%a) {expr=exp($0)}
output %b
output %a
)");
  expect_untouched(fuse, R"(
input %x: f32[1,2]
const %w: f32[2,2] = [1, 2, 3, 4]
%c: f32[1,2] = matmul(%x, %w)
%a: f32[1,2] = elementwise(%c) {expr=relu($0)}
%b: f32[1,2] = softmax(%c)
%y: f32[1,2] = matmul(%a, %w)
%z: f32[1,2] = matmul(%b, %w)
output %y
output %z
)");
  // An operand that is smaller than the result, in a chain and before an epilogue.
  expect_untouched(fuse, R"(
input %x: f32[2]
input %z: f32[3,2]
%a: f32[2] = elementwise(%x) {expr=exp($0)}
%b: f32[3,2] = elementwise(%a, %z) {expr=add($0, $1)}
output %b
)");
  expect_untouched(fuse, R"(
input %x: f32[1,2]
input %z: f32[3,2]
const %w: f32[2,2] = [1, 2, 3, 4]
%a: f32[1,2] = matmul(%x, %w)
%b: f32[3,2] = elementwise(%a, %z) {expr=add($0, $1)}
output %b
)");
  // Other types than f32, and ops that take no epilogue.
  expect_untouched(fuse, R"(
input %x: i32[2]
%a: i32[2] = elementwise(%x) {expr=neg($0)}
%b: i32[2] = elementwise(%a) {expr=abs($0)}
output %b
)");
  expect_untouched(fuse, R"(
input %x: f32[2]
%a: f32[2] = softmax(%x)
%b: f32[2] = elementwise(%a) {expr=log($0)}
output %b
)");
}

// A chain longer than an expression can be is cut, not refused, and doubling stays bounded.
TEST(FuseElementwise, CutsLongChains) {
  std::string chain = "input %x0: f32[4]\n", doubling = chain;
  for (int i = 0; i < 200; ++i) {
    const std::string from = "%x" + std::to_string(i), to = "%x" + std::to_string(i + 1);
    chain += to + " = elementwise(" + from + ") {expr=add($0, sin($0))}\n";
    doubling += to + " = elementwise(" + from + ") {expr=mul(0.5, add($0, abs($0)))}\n";
  }
  for (const std::string& text : {chain, doubling}) {
    const Graph before = parse(text + "output %x200");
    Graph after = before;
    const auto done = fuse_elementwise(after);
    ASSERT_TRUE(done) << error_of(done);
    EXPECT_TRUE(verify(after)) << error_of(verify(after));
    EXPECT_LT(after.node_count(), 100u);
    EXPECT_LT(print_graph(after).size(), 100000u);
    expect_same_results(before, after);
  }
}

// More operands than an expression takes.
TEST(FuseElementwise, CutsManyOperands) {
  std::string text = "input %w: f32[2,2]\nconst %b: f32[2] = [1, 2]\n";
  for (int i = 0; i < 40; ++i) text += "input %x" + std::to_string(i) + ": f32[1,2]\n";
  text += "%y = matmul(%x0, %w, %b)\n";
  std::string last = "%y";
  for (int i = 1; i < 40; ++i) {
    const std::string next = "%s" + std::to_string(i);
    text += next + " = elementwise(" + last + ", %x" + std::to_string(i) + ") {expr=add($0, $1)}\n";
    last = next;
  }
  const Graph before = parse(text + "output " + last);
  Graph after = before;
  ASSERT_TRUE(fuse_elementwise(after));
  EXPECT_TRUE(verify(after)) << error_of(verify(after));
  EXPECT_LT(after.node_count(), 8u);
  expect_same_results(before, after);
}

}  // namespace
}  // namespace linnet

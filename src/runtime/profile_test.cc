#include "runtime/profile.h"

#include <gtest/gtest.h>

#include "runtime/test_session.h"

namespace linnet {
namespace {

using namespace testing;

constexpr const char* kNetwork = R"(input %x: f32[1,12,10,4]
const %w: f32[3,3,4,8] = random(1)
const %p: f32[1,1,8,16] = random(2)
%a = conv2d(%x, %w) {pads=[1,1,1,1]}
%b = conv2d(%a, %p) {epilogue=relu($0)}
%c = max_pool(%b) {kernel=[2,2], strides=[2,2]}
%y = softmax(%c)
output %y)";

TEST(Profile, TellsEveryNodeOfThePlan) {
  const auto session = compile(parse(kNetwork));
  ASSERT_NE(session, nullptr);
  const auto rows = profile(*session, 3);
  ASSERT_TRUE(rows) << error_of(rows);
  struct Expected {
    Op op;
    int32_t window[2];
    int64_t macs;
  };
  const Expected expected[] = {{Op::conv2d, {3, 3}, 12 * 10 * 8 * 36},
                               {Op::conv2d, {1, 1}, 12 * 10 * 16 * 8},
                               {Op::max_pool, {2, 2}, 0},
                               {Op::softmax, {0, 0}, 0}};
  ASSERT_EQ(rows->size(), std::size(expected));
  size_t steps = 0;
  for (size_t i = 0; i < rows->size(); ++i) {
    const NodeProfile& row = (*rows)[i];
    const PlanNode& node = session->plan().nodes[row.node];
    EXPECT_EQ(node.op, expected[i].op);
    EXPECT_EQ(node.window[0], expected[i].window[0]);
    EXPECT_EQ(node.window[1], expected[i].window[1]);
    EXPECT_EQ(node.macs, expected[i].macs);
    EXPECT_GT(row.steps, 0u);
    EXPECT_GE(row.ms, 0);
    steps += row.steps;
  }
  EXPECT_EQ(steps, session->plan().step_count);
  const PlanNode& first = session->plan().nodes[(*rows)[0].node];
  EXPECT_EQ(first.input.to_string(), "[1,12,10,4]");
  EXPECT_EQ(first.output.to_string(), "[1,12,10,8]");
  EXPECT_EQ(first.dtype, DType::F32);
}

// A plan overwrites its inputs, so a profile of several runs has to bring them back.
TEST(Profile, RunsOnTheSameInputsEachTime) {
  const Graph graph = parse(kNetwork);
  const auto session = compile(graph);
  ASSERT_NE(session, nullptr);
  const Values inputs = random_inputs(graph);
  feed(*session, inputs);
  session->run();
  const auto expected = output_bytes(*session);
  feed(*session, inputs);
  ASSERT_TRUE(profile(*session, 5));
  EXPECT_EQ(output_bytes(*session), expected);
}

TEST(Profile, RefusesNumbersOfRunsThatMakeNoSense) {
  const auto session = compile(parse(kNetwork));
  ASSERT_NE(session, nullptr);
  for (const int runs : {0, -1, kMaxProfiledRuns + 1})
    EXPECT_EQ(profile(*session, runs).error().code(), ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace linnet

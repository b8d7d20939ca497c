#include "compress/observer.h"

#include <gtest/gtest.h>

#include "graph/test_graph.h"
#include "runtime/test_session.h"

namespace linnet {
namespace {

using namespace testing;

constexpr const char* kGraph = R"(
input %x: f32[1,2]
const %w: f32[2,2] = [1, -1, 1, 1]
const %b: f32[2] = [0.5, 0]
const %v: f32[2,2] = [2, 1, -1, 0.5]
%m = matmul(%x, %w)
%s = elementwise(%m, %b) {expr=add($0, $1)}
%r = elementwise(%s) {expr=relu($0)}
%y = matmul(%r, %v)
%p = softmax(%y)
output %p)";

std::vector<std::string> names(const Observer& observer) {
  std::vector<std::string> out;
  for (const ObservedValue& value : observer.values()) out.push_back(value.name);
  return out;
}

TEST(Observer, GivesWhatTheOptimisedGraphComputes) {
  auto observer = Observer::create(parse(kGraph), {});
  ASSERT_TRUE(observer) << error_of(observer);
  // The bias and the relu are part of the first product.
  EXPECT_EQ(names(*observer), (std::vector<std::string>{"r", "y", "p"}));
  feed(observer->session(), {{1, 2}});
  observer->session().run();
  // x w + b = [3.5, 1], times v.
  EXPECT_EQ(std::vector(observer->elements(0).begin(), observer->elements(0).end()),
            (std::vector<float>{3.5f, 1}));
  EXPECT_EQ(std::vector(observer->elements(1).begin(), observer->elements(1).end()),
            (std::vector<float>{6, 4}));
  EXPECT_EQ(observer->values()[1].op, Op::matmul);
  EXPECT_FALSE(observer->values()[0].codes);
}

TEST(Observer, TellsWhichOperandHoldsASum) {
  // The sum is part of the second product, which comes last; the first stays as it is.
  auto observer = Observer::create(parse(R"(
input %x: f32[1,2]
const %w: f32[2,2] = [1, -1, 1, 1]
const %v: f32[2,2] = [2, 1, -1, 0.5]
%m = matmul(%x, %w)
%r = elementwise(%m) {expr=relu($0)}
%n = matmul(%r, %v)
%a = elementwise(%r, %n) {expr=add($0, $1)}
%y = elementwise(%a) {expr=neg($0)}
output %y)"),
                                   {});
  ASSERT_TRUE(observer) << error_of(observer);
  ASSERT_EQ(names(*observer), (std::vector<std::string>{"r", "y"}));
  feed(observer->session(), {{1, 2}});
  observer->session().run();
  EXPECT_EQ(observer->elements(0)[0], 3);
  EXPECT_EQ(observer->elements(1)[0], -(3 + 5));
}

TEST(Observer, DequantisesCodesWithoutChangingThem) {
  Graph graph = parse(kGraph);
  graph.ranges = {{"x", {-2, 2}}, {"m", {-4, 4}}, {"s", {-4, 4}}, {"r", {0, 4}}, {"y", {-6, 8}}};
  auto plain = compile_cpu(graph, {}, nullptr);
  ASSERT_TRUE(plain) << error_of(plain);
  auto observer = Observer::create(graph, {});
  ASSERT_TRUE(observer) << error_of(observer);
  EXPECT_EQ(names(*observer), (std::vector<std::string>{"r", "y", "p"}));
  EXPECT_TRUE(observer->values()[0].codes);
  EXPECT_FALSE(observer->values()[2].codes);
  for (Session* session : {plain->get(), &observer->session()}) {
    feed(*session, {{1.1, 1.7}});
    session->run();
  }
  const float* expected = (*plain)->output(0).as<float>();
  EXPECT_EQ(observer->elements(2)[0], expected[0]);
  EXPECT_EQ(observer->elements(2)[1], expected[1]);
  // A whole number of steps of r's scale.
  const float steps = observer->elements(0)[0] / (4.0f / 127);
  EXPECT_NEAR(steps, std::nearbyint(steps), 1e-4);
  EXPECT_NEAR(observer->elements(0)[0], 3.3, 0.05);

  auto f32 = Observer::create(graph, {.quantize = false});
  ASSERT_TRUE(f32) << error_of(f32);
  EXPECT_FALSE(f32->values()[0].codes);
}

}  // namespace
}  // namespace linnet

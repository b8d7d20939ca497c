#include "plan/plan.h"

#include <gtest/gtest.h>

#include "graph/test_graph.h"

namespace linnet {
namespace {

using testing::error_of;

Plan two_steps() {
  Plan plan;
  for (const char* name : {"first", "second"}) plan.nodes.emplace_back().name = name;
  plan.arena_bytes = 256;
  plan.append_step({PlanOp::Softmax, 0, 4, 0, 1, 4}, std::array{1u, 2u, 3u});
  plan.append_step({PlanOp::StridedCopy, 0, 9, 1, 2, 3}, {});
  plan.inputs.push_back({"x", DType::F32, {16}, Ref::arena(0)});
  plan.outputs.push_back({"y", DType::F32, {16}, Ref::arena(192)});
  return plan;
}

TEST(Ref, SaysWhereBytesLie) {
  for (const uint64_t offset : {uint64_t{0}, uint64_t{64}, kMaxArenaBytes - 64}) {
    EXPECT_EQ(Ref::arena(offset).offset(), offset);
    EXPECT_FALSE(Ref::arena(offset).in_weights());
    EXPECT_EQ(Ref::weights(offset).offset(), offset);
    EXPECT_TRUE(Ref::weights(offset).in_weights());
  }
  for (const size_t number : {size_t{0}, size_t{77}, (size_t{1} << 31) - 2}) {
    EXPECT_EQ(Ref::constant(number).number(), number);
    EXPECT_TRUE(Ref::constant(number).in_weights());
    EXPECT_FALSE(Ref::constant(number).is_none());
  }
  EXPECT_TRUE(Ref().is_none());
  EXPECT_FALSE(Ref::none().in_weights());
}

TEST(Plan, HandsOutItsSteps) {
  const Plan plan = two_steps();
  EXPECT_TRUE(verify_plan(plan)) << error_of(verify_plan(plan));
  EXPECT_EQ(plan.step_count, 2u);
  std::vector<uint32_t> seen;
  for_each_step(plan, [&](const StepHeader& header, const uint32_t* parameters) {
    seen.push_back(header.words);
    seen.push_back(header.units);
    for (uint32_t i = 0; i < header.words; ++i) seen.push_back(parameters[i]);
  });
  EXPECT_EQ(seen, (std::vector<uint32_t>{3, 4, 1, 2, 3, 0, 9}));
}

TEST(Plan, PrintsALineForEachStep) {
  EXPECT_EQ(print_plan(two_steps()),
            "   0 Softmax        units 4      threads 1  chunk 4       3 words  first\n"
            "   1 StridedCopy    units 9      threads 2  chunk 3       0 words  second\n");
}

TEST(VerifyPlan, FindsEachDamage) {
  const auto set_header = [](Plan& plan, auto change) {
    StepHeader header;
    std::memcpy(&header, plan.words.data(), sizeof header);
    change(header);
    std::memcpy(plan.words.data(), &header, sizeof header);
  };
  const std::pair<std::function<void(Plan&)>, const char*> damages[] = {
      {[&](Plan& p) { set_header(p, [](StepHeader& h) { h.op = static_cast<PlanOp>(999); }); },
       "step 0 has the unknown opcode 999"},
      {[&](Plan& p) { set_header(p, [](StepHeader& h) { h.op = static_cast<PlanOp>(0); }); },
       "step 0 has the unknown opcode 0"},
      {[&](Plan& p) { set_header(p, [](StepHeader& h) { h.words = 100; }); }, "step 0 is cut off at word 0"},
      {[&](Plan& p) { set_header(p, [](StepHeader& h) { h.node = 2; }); },
       "step 0 names node 2, which does not exist"},
      {[](Plan& p) { p.words.pop_back(); }, "step 1 is cut off at word 8"},
      {[](Plan& p) { p.words.clear(); }, "0 steps, expected 2"},
      {[](Plan& p) { p.step_count = 3; }, "2 steps, expected 3"},
      {[](Plan& p) { p.outputs[0].ref = Ref::arena(196); }, "port 'y' does not lie in its memory"},
      {[](Plan& p) { p.outputs[0].ref = Ref::constant(0); }, "port 'y' does not lie in its memory"},
      {[](Plan& p) { p.inputs[0].ref = Ref::none(); }, "port 'x' does not lie in its memory"},
      {[](Plan& p) { p.inputs[0].shape = Shape{65}; }, "port 'x' does not lie in its memory"},
  };
  for (const auto& [damage, message] : damages) {
    Plan plan = two_steps();
    damage(plan);
    EXPECT_EQ(error_of(verify_plan(plan)), std::string("malformed plan: ") + message);
  }
}

}  // namespace
}  // namespace linnet

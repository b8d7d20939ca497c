#include "plan/memory_planner.h"

#include <gtest/gtest.h>

#include <random>

#include "graph/test_graph.h"

namespace linnet {
namespace {

using testing::error_of;

MemoryPlan plan_of(const std::vector<Lifetime>& buffers) {
  const MemoryPlan plan = plan_memory(buffers);
  EXPECT_TRUE(verify_memory(buffers, plan)) << error_of(verify_memory(buffers, plan));
  return plan;
}

TEST(MemoryPlanner, PlacesNothing) {
  EXPECT_EQ(plan_of({}).arena_bytes, 0u);
  EXPECT_EQ(memory_lower_bound({}), 0u);
}

TEST(MemoryPlanner, ReusesWhatIsNoLongerAlive) {
  // A chain: each is read by the step after it.
  EXPECT_EQ(plan_of({{640, 0, 0}, {640, 0, 1}, {640, 1, 2}, {640, 2, 3}}).arena_bytes, 1280u);
  // All at one time.
  EXPECT_EQ(plan_of({{64, 0, 5}, {128, 1, 5}, {192, 5, 5}}).arena_bytes, 384u);
  // One after the other.
  EXPECT_EQ(plan_of({{64, 0, 0}, {128, 1, 1}, {192, 2, 2}}).arena_bytes, 192u);
  EXPECT_EQ(plan_of({{192, 0, 0}}).arena_bytes, 192u);
}

// Largest first alone puts 320 at 0 and needs 576 or more; the optimum is the bound.
TEST(MemoryPlanner, FindsPlacementsThatLargestFirstMisses) {
  const std::vector<Lifetime> buffers{{256, 0, 1}, {192, 1, 2}, {256, 2, 3},
                                      {128, 0, 3}, {320, 3, 4}, {64, 4, 4}};
  EXPECT_EQ(memory_lower_bound(buffers), 704u);
  EXPECT_EQ(plan_of(buffers).arena_bytes, 704u);
}

TEST(MemoryPlanner, LowerBoundIsTheMostAliveAtOneStep) {
  EXPECT_EQ(memory_lower_bound(std::vector<Lifetime>{{64, 0, 2}, {128, 2, 3}, {256, 3, 9}}), 384u);
}

TEST(MemoryPlanner, HoldsOnRandomLifetimes) {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    std::vector<Lifetime> buffers;
    const auto count = static_cast<uint32_t>(1 + random() % 40),
               steps = static_cast<uint32_t>(1 + random() % 30);
    for (uint32_t i = 0; i < count; ++i) {
      const auto first = static_cast<uint32_t>(random() % steps);
      buffers.push_back({kTensorAlignment * (1 + random() % 50), first,
                         first + static_cast<uint32_t>(random() % (steps - first))});
    }
    const MemoryPlan plan = plan_of(buffers);
    EXPECT_GE(plan.arena_bytes, memory_lower_bound(buffers));
    uint64_t end = 0;
    for (size_t i = 0; i < buffers.size(); ++i) end = std::max(end, plan.offsets[i] + buffers[i].bytes);
    EXPECT_EQ(plan.arena_bytes, end) << "no more than what the buffers reach";
    const MemoryPlan again = plan_memory(buffers);
    EXPECT_EQ(again.offsets, plan.offsets);
    EXPECT_EQ(again.arena_bytes, plan.arena_bytes);
  }
}

TEST(VerifyMemory, FindsOverlaps) {
  const std::vector<Lifetime> buffers{{128, 0, 2}, {128, 2, 3}, {128, 3, 4}};
  EXPECT_TRUE(verify_memory(buffers, {{0, 128, 0}, 256}));
  // One byte of one step is enough.
  EXPECT_EQ(error_of(verify_memory(buffers, {{0, 64, 256}, 384})), "malformed plan: buffers 0 and 1 overlap");
  EXPECT_EQ(error_of(verify_memory(buffers, {{64, 0, 256}, 384})), "malformed plan: buffers 0 and 1 overlap");
  EXPECT_EQ(error_of(verify_memory(buffers, {{256, 0, 0}, 384})), "malformed plan: buffers 1 and 2 overlap");
  // One inside the other.
  const std::vector<Lifetime> nested{{512, 0, 9}, {64, 4, 4}};
  EXPECT_EQ(error_of(verify_memory(nested, {{0, 128}, 512})), "malformed plan: buffers 0 and 1 overlap");
}

TEST(VerifyMemory, FindsWhatDoesNotLieInTheArena) {
  const std::vector<Lifetime> one{{128, 0, 0}};
  EXPECT_TRUE(verify_memory(one, {{64}, 192}));
  EXPECT_EQ(error_of(verify_memory(one, {{64}, 191})),
            "malformed plan: buffer 0 at 64 does not lie in the arena");
  EXPECT_EQ(error_of(verify_memory(one, {{32}, 1024})),
            "malformed plan: buffer 0 at 32 does not lie in the arena");
  EXPECT_EQ(error_of(verify_memory(one, {{}, 1024})), "malformed plan: 0 offsets for 1 buffers");
  EXPECT_FALSE(verify_memory(one, {{UINT64_MAX - 63}, 1024}));
}

}  // namespace
}  // namespace linnet

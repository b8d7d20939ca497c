#include "base/handles.h"

#include <gtest/gtest.h>

#include <set>

namespace linnet {
namespace {

TEST(HandleTable, FindsWhatWasAdded) {
  HandleTable<int> table;
  const uint32_t a = table.add(std::make_unique<int>(1)), b = table.add(std::make_unique<int>(2));
  EXPECT_NE(a, 0u);
  EXPECT_NE(a, b);
  ASSERT_NE(table.get(a), nullptr);
  EXPECT_EQ(*table.get(a), 1);
  EXPECT_EQ(*table.get(b), 2);
  EXPECT_EQ(table.live(), 2u);
}

TEST(HandleTable, RefusesHandlesThatItNeverGave) {
  HandleTable<int> table;
  EXPECT_EQ(table.get(0), nullptr);
  EXPECT_EQ(table.get(1), nullptr);
  const uint32_t handle = table.add(std::make_unique<int>(1));
  for (const uint32_t made_up : {0u, handle + 1, handle | 0x80000000u, 0xffffffffu}) {
    EXPECT_EQ(table.get(made_up), nullptr) << made_up;
    EXPECT_FALSE(table.remove(made_up)) << made_up;
  }
  EXPECT_EQ(table.live(), 1u);
}

TEST(HandleTable, ReusedSlotsKeepOldHandlesStale) {
  HandleTable<int> table;
  std::set<uint32_t> seen;
  for (int i = 0; i < 4096; ++i) {
    const uint32_t handle = table.add(std::make_unique<int>(i));
    ASSERT_TRUE(seen.insert(handle).second) << "handle of use " << i << " was given before";
    for (const uint32_t old : {*seen.begin(), handle})
      ASSERT_EQ(table.get(old) != nullptr, old == handle) << i;
    ASSERT_TRUE(table.remove(handle));
    ASSERT_FALSE(table.remove(handle));
    ASSERT_EQ(table.get(handle), nullptr);
  }
  EXPECT_EQ(table.live(), 0u);
}

TEST(HandleTable, DestroysWhatIsRemoved) {
  HandleTable<std::shared_ptr<int>> table;
  const auto shared = std::make_shared<int>(7);
  const uint32_t handle = table.add(std::make_unique<std::shared_ptr<int>>(shared));
  EXPECT_EQ(shared.use_count(), 2);
  table.remove(handle);
  EXPECT_EQ(shared.use_count(), 1);
}

}  // namespace
}  // namespace linnet

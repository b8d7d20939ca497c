#include "cli/pareto.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

TEST(Pareto, KeepsWhatNothingBeats) {
  const std::vector<Costs> candidates{{1, 9}, {2, 5}, {3, 5}, {5, 1}, {6, 1}, {9, 0}};
  EXPECT_EQ(pareto_front(candidates), (std::vector<bool>{true, true, false, true, false, true}));
}

TEST(Pareto, KeepsTheFirstOfEquals) {
  EXPECT_EQ(pareto_front(std::vector<Costs>{{2, 2}, {2, 2}, {3, 3}}),
            (std::vector<bool>{true, false, false}));
  EXPECT_EQ(pareto_front(std::vector<Costs>{{3, 3}, {2, 2}, {2, 2}}),
            (std::vector<bool>{false, true, false}));
  EXPECT_TRUE(pareto_front({}).empty());
}

}  // namespace
}  // namespace linnet

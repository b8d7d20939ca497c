#include "cli/statistics.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

// Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3.
TEST(Statistics, WilsonAsPublished) {
  EXPECT_NEAR(wilson(81, 263).low, 0.2553, 5e-5);
  EXPECT_NEAR(wilson(81, 263).high, 0.3662, 5e-5);
  EXPECT_NEAR(wilson(15, 148).low, 0.0624, 5e-5);
  EXPECT_NEAR(wilson(15, 148).high, 0.1605, 5e-5);
  EXPECT_EQ(wilson(0, 20).low, 0);
  EXPECT_NEAR(wilson(0, 20).high, 0.1611, 5e-5);
  EXPECT_NEAR(wilson(1, 29).low, 0.0061, 5e-5);
  EXPECT_NEAR(wilson(1, 29).high, 0.1718, 5e-5);
}

TEST(Statistics, WilsonAtTheEnds) {
  EXPECT_EQ(wilson(7, 7).high, 1);
  // z^2 / (n + z^2) at 0 of n.
  EXPECT_NEAR(wilson(7, 7).low, 7 / (7 + 3.841458820694124), 1e-12);
  EXPECT_EQ(wilson(0, 0).low, 0);
  EXPECT_EQ(wilson(0, 0).high, 1);
}

// Newcombe 1998, Statistics in Medicine 17, 2635-2650, table II, method 10: both, first, second, neither.
TEST(Statistics, NewcombeAsPublished) {
  const auto expect = [](const Paired& counts, double low, double high) {
    const Interval found = newcombe(counts);
    EXPECT_NEAR(found.low, low, 5e-5);
    EXPECT_NEAR(found.high, high, 5e-5);
  };
  expect({36, 2, 12, 0}, 0.0569, 0.3404);
  expect({36, 12, 2, 0}, -0.3404, -0.0569);
}

TEST(Statistics, NewcombeHoldsTheDifference) {
  for (const Paired& counts :
       {Paired{0, 0, 0, 5}, Paired{5, 0, 0, 0}, Paired{400, 3, 5, 92}, Paired{0, 4, 0, 0}}) {
    const Interval found = newcombe(counts);
    EXPECT_LE(found.low, counts.difference());
    EXPECT_GE(found.high, counts.difference());
    EXPECT_GE(found.low, -1);
    EXPECT_LE(found.high, 1);
  }
  // Models that agree on nearly all photos are compared more closely than their own proportions are known.
  const Interval close = newcombe({400, 3, 5, 92});
  EXPECT_LT(close.high - close.low, 0.03);
  EXPECT_EQ(Paired{}.difference(), 0);
}

TEST(Statistics, McNemarByCoins) {
  EXPECT_EQ(mcnemar({10, 0, 0, 3}), 1);
  // Three tosses alike: 2 / 8, less the 1 / 8 of the outcome itself.
  EXPECT_NEAR(mcnemar({10, 0, 3, 3}), 0.125, 1e-12);
  EXPECT_NEAR(mcnemar({0, 3, 0, 0}), 0.125, 1e-12);
  // One of four: 2 (1 / 16) + 4 / 16.
  EXPECT_NEAR(mcnemar({0, 1, 3, 0}), 0.375, 1e-12);
  // As many each way: 1 less half of what that is likely to be.
  EXPECT_NEAR(mcnemar({0, 2, 2, 0}), 2 * 5.0 / 16 + 6.0 / 16, 1e-12);
  EXPECT_LT(mcnemar({1000, 0, 400, 0}), 1e-100);
}

}  // namespace
}  // namespace linnet

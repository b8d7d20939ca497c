#include "compress/minimise.h"

#include <gtest/gtest.h>

#include <cmath>

namespace linnet {
namespace {

TEST(Minimise, FindsTheBottomOfABowl) {
  // sum of (i + 1) (x_i - i)^2, of condition 50.
  const SmoothFunction bowl = [](std::span<const double> x, std::span<double> gradient) {
    double value = 3;
    for (size_t i = 0; i < x.size(); ++i) {
      const double weight = static_cast<double>(i + 1), off = x[i] - static_cast<double>(i);
      value += weight * off * off;
      gradient[i] = 2 * weight * off;
    }
    return value;
  };
  std::vector<double> x(50, -7);
  EXPECT_NEAR(minimise(bowl, x, 200, 1e-9), 3, 1e-12);
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], static_cast<double>(i), 1e-8);
}

// Rosenbrock 1960: a curved valley with its minimum of 0 at (1, 1).
TEST(Minimise, FollowsACurvedValley) {
  const SmoothFunction valley = [](std::span<const double> x, std::span<double> gradient) {
    const double a = 1 - x[0], b = x[1] - x[0] * x[0];
    gradient[0] = -2 * a - 400 * x[0] * b;
    gradient[1] = 200 * b;
    return a * a + 100 * b * b;
  };
  std::vector<double> x{-1.2, 1};
  EXPECT_LT(minimise(valley, x, 200, 1e-10), 1e-15);
  EXPECT_NEAR(x[0], 1, 1e-6);
  EXPECT_NEAR(x[1], 1, 1e-6);
}

TEST(Minimise, StaysAtABottom) {
  const SmoothFunction flat = [](std::span<const double> x, std::span<double> gradient) {
    gradient[0] = 0;
    return x[0] * 0;
  };
  std::vector<double> x{4};
  EXPECT_EQ(minimise(flat, x, 10, 0), 0);
  EXPECT_EQ(x[0], 4);
}

}  // namespace
}  // namespace linnet

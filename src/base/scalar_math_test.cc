// Against the C library's functions.
#include "base/scalar_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace linnet {
namespace {

using Function = double (*)(double);

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void expect_close(double found, double expected, double absolute, double x, double y = 0) {
  if (!std::isfinite(expected)) {
    EXPECT_TRUE(found == expected || (std::isnan(found) && std::isnan(expected)))
        << x << " " << y << " " << found;
    return;
  }
  EXPECT_NEAR(found, expected, 1e-13 * std::abs(expected) + absolute) << x << " " << y;
  if (expected == 0) EXPECT_EQ(std::signbit(found), std::signbit(expected)) << x << " " << y;
}

// Reproducible numbers of every size up to `highest`, of both signs.
std::vector<double> numbers(double highest) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> logarithm(std::log(1e-12), std::log(highest));
  std::vector<double> values = {0.0, -0.0};
  for (int i = 0; i < 20000; ++i) values.push_back(std::exp(logarithm(random)) * (i % 2 == 0 ? 1 : -1));
  return values;
}

TEST(ScalarMath, AgreesWithTheLibrary) {
  for (const double x : numbers(700)) {
    expect_close(scalar_exp(x), std::exp(x), 0, x);
    expect_close(scalar_tanh(x), std::tanh(x), 0, x);
  }
  for (const double x : numbers(1e30))
    if (x > 0) expect_close(scalar_log(x), std::log(x), 1e-16, x);
  for (const double x : numbers(1e6)) {
    EXPECT_NEAR(scalar_sin(x), std::sin(x), 1e-15 + 1e-13 * std::abs(x) * 1e-3) << x;
    EXPECT_NEAR(scalar_cos(x), std::cos(x), 1e-15 + 1e-13 * std::abs(x) * 1e-3) << x;
  }
  // Small arguments keep their relative precision.
  for (const double x : numbers(0.5)) expect_close(scalar_sin(x), std::sin(x), 0, x);
}

TEST(ScalarMath, GivesSpecialValues) {
  const double special[] = {
      0.0,    -0.0,  1,   -1,   2,         -2,         3,    -3,     0.5,    -0.5,
      1e-300, 1e300, 709, -740, kInfinity, -kInfinity, kNan, 5e-324, -1e300, 4503599627370497.0};
  for (const double x : special) {
    expect_close(scalar_exp(x), std::exp(x), 1e-320, x);
    expect_close(scalar_log(x), std::log(x), 0, x);
    expect_close(scalar_tanh(x), std::tanh(x), 0, x);
    for (const double y : special) {
      const double expected = std::pow(x, y);
      // The error of y ln x counts fully.
      if (std::isfinite(expected) && expected != 0 && std::abs(std::log(std::abs(expected))) > 100) continue;
      expect_close(scalar_pow(x, y), expected, 0, x, y);
    }
  }
  for (const Function function : {scalar_sin, scalar_cos}) {
    EXPECT_TRUE(std::isnan(function(kInfinity)));
    EXPECT_TRUE(std::isnan(function(kNan)));
    for (const double x : {1e12, 1e18, 1e300}) EXPECT_LE(std::abs(function(x)), 1) << x;
  }
}

}  // namespace
}  // namespace linnet

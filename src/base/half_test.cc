#include "base/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace linnet {
namespace {

bool is_nan(uint16_t half) {
  return (half & 0x7c00) == 0x7c00 && (half & 0x3ff) != 0;
}

// The value that the bits stand for, by the definition of binary16.
double value_of(uint16_t half) {
  const int exponent = (half >> 10) & 31, mantissa = half & 0x3ff;
  const double sign = (half & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31) return mantissa != 0 ? std::nan("") : sign * std::numeric_limits<double>::infinity();
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

// Rounds in double precision, where scaling to whole units is exact and nearbyint takes ties to even.
double rounded(double value) {
  if (!std::isfinite(value)) return value;
  const int exponent = value == 0 ? -14 : std::max(std::ilogb(value), -14);
  const double unit = std::ldexp(1, exponent - 10);
  const double result = std::nearbyint(value / unit) * unit;
  return std::abs(result) > 65504 ? std::copysign(std::numeric_limits<double>::infinity(), value) : result;
}

void expect_rounded(float value) {
  const uint16_t half = float_to_half(value);
  const double expected = rounded(static_cast<double>(value));
  ASSERT_EQ(value_of(half), expected) << value;
  ASSERT_EQ((half & 0x8000) != 0, std::signbit(value)) << value;
}

TEST(Half, EveryHalfIsItsValueAndComesBack) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = half_to_float(half);
    if (is_nan(half)) {
      ASSERT_TRUE(std::isnan(value)) << bits;
      ASSERT_TRUE(is_nan(float_to_half(value))) << bits;
      continue;
    }
    ASSERT_EQ(static_cast<double>(value), value_of(half)) << bits;
    ASSERT_EQ(float_to_half(value), half) << bits;
  }
}

// Between each two neighbours: the middle goes to the even one, anything beside it to the nearer.
TEST(Half, RoundsToTheNearestAndTiesToEven) {
  for (uint16_t half = 0; half < 0x7bff; ++half) {
    const float middle = (half_to_float(half) + half_to_float(static_cast<uint16_t>(half + 1))) / 2;
    for (const float value : {std::nextafter(middle, 0.0f), middle, std::nextafter(middle, 1e9f)})
      for (const float sign : {1.0f, -1.0f}) expect_rounded(sign * value);
  }
}

TEST(Half, OverflowsToInfinityHalfAUnitAboveTheLargest) {
  for (const float value : {65504.0f, 65519.996f, 65520.0f, 65536.0f, 1e30f, INFINITY}) {
    expect_rounded(value);
    expect_rounded(-value);
  }
}

TEST(Half, FitsWhatStaysFinite) {
  for (const float value : {0.0f, 1e-45f, 65504.0f, 65519.996f, 65520.0f, 1e30f, INFINITY, NAN})
    for (const float sign : {1.0f, -1.0f})
      EXPECT_EQ(fits_half(sign * value),
                std::isfinite(half_to_float(float_to_half(sign * value))) || !std::isfinite(value))
          << value;
}

TEST(Half, SmallNumbersBecomeSubnormalOrZero) {
  for (const float value : {0.0f, 1e-45f, 0x1p-26f, 0x1p-25f, 0x1.000002p-25f, 0x1.8p-24f, 0x1p-24f,
                            0x1.ffp-15f, 0x1.fffffep-15f, 0x1p-14f}) {
    expect_rounded(value);
    expect_rounded(-value);
  }
}

}  // namespace
}  // namespace linnet

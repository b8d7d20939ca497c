#include "base/scalar_math.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace linnet {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
// ln 2 and pi / 2 as sums, of which n times the first parts are exact for the n that occur (Cody and Waite
// 1980).
constexpr double kLn2High = 0x1.62e42fef00000p-1, kLn2Low = 0x1.473de6af278edp-34;
constexpr double kHalfPi[] = {0x1.921fb54400000p+0, 0x1.0b4611a600000p-34, 0x1.3198a2e037073p-69};

// 2^exponent, for normal numbers.
double power_of_two(int exponent) {
  return std::bit_cast<double>(static_cast<uint64_t>(exponent + 1023) << 52);
}

// sin(x + quarter * pi / 2): reduced to |r| <= pi / 4, then Taylor series.
double sin_quarter(double x, int quarter) {
  if (!(std::abs(x) < kInfinity)) return kNan;
  const double n = std::floor(x * (1 / (kHalfPi[0] + kHalfPi[1])) + 0.5);
  double r = x;
  for (const double part : kHalfPi) r -= n * part;
  // Only far outside what the reduction is good for.
  if (std::abs(r) > 1) r = 0;
  const int turns = static_cast<int>(n - 4 * std::floor(n / 4)) + quarter;
  const bool is_cosine = (turns & 1) != 0;
  double term = is_cosine ? 1 : r, sum = 0;
  for (int power = is_cosine ? 0 : 1; power < 20; power += 2) {
    sum += term;
    term *= -r * r / ((power + 1) * (power + 2));
  }
  return (turns & 2) != 0 ? -sum : sum;
}

}  // namespace

// x = n ln 2 + r with |r| <= ln 2 / 2; the Taylor series of e^r; 2^n in two halves, as the extremes have no
// double.
double scalar_exp(double x) {
  if (x != x) return x;
  if (x > 709.79) return kInfinity;
  if (x < -745.2) return 0;
  const double n = std::floor(x * (1 / kLn2High) + 0.5);
  const double r = x - n * kLn2High - n * kLn2Low;
  double sum = 1;
  for (int i = 14; i > 0; --i) sum = 1 + sum * r / i;
  const int whole = static_cast<int>(n), half = whole >> 1;
  return sum * power_of_two(half) * power_of_two(whole - half);
}

// x = m 2^e with m in [sqrt 1/2, sqrt 2); ln m = 2 artanh((m - 1) / (m + 1)).
double scalar_log(double x) {
  if (x == 0) return -kInfinity;
  if (!(x > 0)) return kNan;
  if (x == kInfinity) return x;
  int exponent = 0;
  double m = std::frexp(x, &exponent);
  if (m < 0.70710678118654752) {
    m *= 2;
    --exponent;
  }
  const double t = (m - 1) / (m + 1);
  double series = 0;
  for (int odd = 23; odd > 0; odd -= 2) series = series * t * t + 2.0 / odd;
  return exponent * kLn2High + (exponent * kLn2Low + series * t);
}

double scalar_sin(double x) {
  return x == 0 ? x : sin_quarter(x, 0);
}

double scalar_cos(double x) {
  return sin_quarter(x, 1);
}

double scalar_tanh(double x) {
  const double magnitude = std::abs(x);
  if (x == 0) return x;
  if (magnitude < 0.05) {
    // The Taylor series, where the exponential form would cancel.
    const double x2 = x * x;
    return x +
           x * x2 *
               (-1.0 / 3 + x2 * (2.0 / 15 + x2 * (-17.0 / 315 + x2 * (62.0 / 2835 - x2 * 1382 / 155925))));
  }
  return std::copysign(1 - 2 / (scalar_exp(2 * magnitude) + 1), x);
}

// |x|^y = e^(y ln |x|); a negative x takes whole powers only.
double scalar_pow(double x, double y) {
  if (x == 1 || y == 0) return 1;
  const double magnitude = std::abs(x) == 1 ? 1 : scalar_exp(y * scalar_log(std::abs(x)));
  if (!std::signbit(x)) return magnitude;
  const bool is_whole = std::floor(y) == y;
  const bool is_odd = is_whole && std::floor(y / 2) != y / 2;
  if (!is_whole && x != 0 && x != -kInfinity) return kNan;
  return is_odd ? -magnitude : magnitude;
}

}  // namespace linnet

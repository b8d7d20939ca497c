#include "cli/statistics.h"

#include <algorithm>
#include <cmath>

namespace linnet {
namespace {

constexpr double kZ = 1.959963984540054;  // 97.5 % of the normal distribution lie below

double real(size_t count) {
  return static_cast<double>(count);
}

// The correlation of being right, nearer to 0 by a correction for continuity.
double correlation(const Paired& counts) {
  const double a = real(counts.both), b = real(counts.only_second), c = real(counts.only_first),
               d = real(counts.neither);
  const double margins = (a + b) * (c + d) * (a + c) * (b + d);
  if (margins == 0) return 0;
  double product = a * d - b * c;
  if (product > 0) product = std::max(product - real(counts.total()) / 2, 0.0);
  return product / std::sqrt(margins);
}

double square_and_add(double x, double y, double phi) {
  return std::sqrt(std::max(x * x - 2 * phi * x * y + y * y, 0.0));
}

}  // namespace

Interval wilson(size_t count, size_t total) {
  if (total == 0) return {0, 1};
  const double n = real(total), p = real(count) / n, z2 = kZ * kZ;
  const double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double reach = kZ / (1 + z2 / n) * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  // Rounding must not put the bounds on the wrong side of what was found.
  return {count == 0 ? 0 : std::max(centre - reach, 0.0), count == total ? 1 : std::min(centre + reach, 1.0)};
}

double Paired::difference() const {
  return total() == 0 ? 0 : (real(only_second) - real(only_first)) / real(total());
}

Interval newcombe(const Paired& counts) {
  const size_t n = counts.total();
  if (n == 0) return {-1, 1};
  const size_t first = counts.both + counts.only_first, second = counts.both + counts.only_second;
  const double p1 = real(first) / real(n), p2 = real(second) / real(n);
  const Interval of1 = wilson(first, n), of2 = wilson(second, n);
  const double phi = correlation(counts), difference = counts.difference();
  return {difference - square_and_add(p2 - of2.low, of1.high - p1, phi),
          difference + square_and_add(of2.high - p2, p1 - of1.low, phi)};
}

double mcnemar(const Paired& counts) {
  const size_t n = counts.only_first + counts.only_second;
  const size_t fewer = std::min(counts.only_first, counts.only_second);
  const auto probability = [n](size_t k) {
    return std::exp(std::lgamma(real(n) + 1) - std::lgamma(real(k) + 1) - std::lgamma(real(n - k) + 1) -
                    real(n) * std::log(2.0));
  };
  double below = 0;
  for (size_t k = 0; k < fewer; ++k) below += probability(k);
  return std::min(2 * below + probability(fewer), 1.0);
}

}  // namespace linnet

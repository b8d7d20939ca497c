#include "compress/minimise.h"

#include <algorithm>
#include <cmath>
#include <deque>

namespace linnet {

namespace {

using Vector = std::vector<double>;

constexpr size_t kPairs = 10;
constexpr int kHalvings = 40;
constexpr double kSufficientDescent = 1e-4;

// A step, and by how much the gradient changed along it.
struct Pair {
  Vector step, change;
  double curvature;  // step . change
};

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void add(Vector& to, double factor, const Vector& what) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += factor * what[i];
}

// The gradient times the inverse Hessian that the pairs stand for, downwards: the two-loop recursion.
Vector direction_of(const Vector& gradient, const std::deque<Pair>& pairs) {
  Vector direction = gradient;
  Vector factors(pairs.size());
  for (size_t i = pairs.size(); i-- > 0;) {
    factors[i] = dot(pairs[i].step, direction) / pairs[i].curvature;
    add(direction, -factors[i], pairs[i].change);
  }
  if (!pairs.empty()) {
    const Pair& last = pairs.back();
    const double scale = last.curvature / dot(last.change, last.change);
    for (double& element : direction) element *= scale;
  }
  for (size_t i = 0; i < pairs.size(); ++i)
    add(direction, factors[i] - dot(pairs[i].change, direction) / pairs[i].curvature, pairs[i].step);
  for (double& element : direction) element = -element;
  return direction;
}

}  // namespace

double minimise(const SmoothFunction& function, std::vector<double>& x, int most_steps, double tolerance) {
  Vector gradient(x.size());
  double value = function(x, gradient);
  std::deque<Pair> pairs;
  for (int i = 0; i < most_steps; ++i) {
    if (std::ranges::all_of(gradient, [&](double element) { return std::abs(element) <= tolerance; })) break;
    Vector direction = direction_of(gradient, pairs);
    double slope = dot(direction, gradient);
    if (!(slope < 0)) {
      pairs.clear();
      direction = direction_of(gradient, pairs);
      slope = dot(direction, gradient);
    }
    Vector next, next_gradient(x.size());
    double next_value = 0;
    bool descended = false;
    // Without pairs the direction has no scale of its own.
    double length = pairs.empty() ? std::min(1.0, 1 / std::sqrt(-slope)) : 1;
    for (int k = 0; k < kHalvings && !descended; ++k, length /= 2) {
      next = x;
      add(next, length, direction);
      next_value = function(next, next_gradient);
      descended = next_value <= value + kSufficientDescent * length * slope && next_value < value;
    }
    if (!descended) break;
    Pair pair{next, next_gradient, 0};
    add(pair.step, -1, x);
    add(pair.change, -1, gradient);
    pair.curvature = dot(pair.step, pair.change);
    x = std::move(next);
    gradient = std::move(next_gradient);
    value = next_value;
    if (pair.curvature <= 0) continue;
    pairs.push_back(std::move(pair));
    if (pairs.size() > kPairs) pairs.pop_front();
  }
  return value;
}

}  // namespace linnet

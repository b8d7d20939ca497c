// Minimisation of smooth functions of many variables.
#pragma once

#include <functional>
#include <span>
#include <vector>

namespace linnet {

// The value at `x`; `gradient`, of the same size, gets the derivatives.
using SmoothFunction = std::function<double(std::span<const double> x, std::span<double> gradient)>;

// Moves `x` downhill by L-BFGS with ten pairs and steps halved until they descend enough (Nocedal and Wright
// 2006, algorithms 7.4 and 3.1). Ends after `most_steps`, or where no derivative exceeds `tolerance`, or
// where rounding hides any descent. Gives the value reached. Deterministic.
double minimise(const SmoothFunction& function, std::vector<double>& x, int most_steps, double tolerance);

}  // namespace linnet

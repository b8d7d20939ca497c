// What a choice among several goals leaves.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace linnet {

// One element for each goal; less is better.
using Costs = std::vector<double>;

// Marks those that no other is as good as in every goal and better than in one. Of equals the first alone.
std::vector<bool> pareto_front(std::span<const Costs> candidates);

}  // namespace linnet

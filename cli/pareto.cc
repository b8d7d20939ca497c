#include "cli/pareto.h"

#include <algorithm>
#include <functional>

namespace linnet {
namespace {

bool as_good(const Costs& a, const Costs& b) {
  return std::ranges::equal(a, b, std::less_equal());
}

}  // namespace

std::vector<bool> pareto_front(std::span<const Costs> candidates) {
  std::vector<bool> front(candidates.size(), true);
  for (size_t i = 0; i < candidates.size(); ++i)
    for (size_t k = 0; k < candidates.size() && front[i]; ++k)
      if (k != i && as_good(candidates[k], candidates[i])) front[i] = k > i && candidates[k] == candidates[i];
  return front;
}

}  // namespace linnet

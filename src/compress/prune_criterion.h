// What tells which channels a model can do without.
#pragma once

#include <string_view>

namespace linnet {

enum class PruneCriterion {
  L1,          // sum of the magnitudes of the weights that compute a channel (Li et al. 2017)
  L2,          // their root mean square
  Activation,  // what the channel adds to its consumers' results: its variance times their weights' squares
  Reconstruction,  // what is left of that once the other channels make up for it (BackwardElimination)
};
// "l1", "l2", "activation", "reconstruction"; false where there is no such criterion.
bool criterion_from_name(std::string_view name, PruneCriterion* criterion);
// The last two need calibration samples.
inline bool needs_samples(PruneCriterion criterion) {
  return criterion == PruneCriterion::Activation || criterion == PruneCriterion::Reconstruction;
}

}  // namespace linnet

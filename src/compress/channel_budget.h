// How many channels each group loses for a number of multiply-accumulates.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compress/channel_groups.h"

namespace linnet {

// What removing channels of a group alone costs: error[k] with k channels removed, 0 <= k < error.size();
// not falling. No more channels than error.size() - 1 may go.
struct GroupCurve {
  std::vector<double> error;
};

// The channels to keep in each group, so that `macs` multiply-accumulates are left at most, or nearly so:
// step by step the removal is made that costs least error for each multiply-accumulate it saves. Kept numbers
// are multiples of `multiple` where anything goes. Fails with InvalidArgument, saying what can be reached,
// where the curves end before.
Result<std::vector<int32_t>> allocate_channels(const Graph& graph, const ChannelGroups& groups,
                                               std::span<const GroupCurve> curves, int64_t macs,
                                               int32_t multiple);

}  // namespace linnet

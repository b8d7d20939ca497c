// Takes channels out of a graph.
#pragma once

#include <span>
#include <vector>

#include "compress/channel_groups.h"

namespace linnet {

// The graph with only the channels kept[g] (ascending, at least one) of each group g. Values keep their
// names; ranges are dropped. Fails as Graph::add_node does.
Result<Graph> remove_channels(const Graph& graph, const ChannelGroups& groups,
                              std::span<const std::vector<int32_t>> kept);

}  // namespace linnet

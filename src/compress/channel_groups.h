// Which channels of a graph can only be removed together.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "graph/graph.h"

namespace linnet {

// The channels along one axis: `repeat` copies of the spaces side by side. A concatenation has several
// spaces, a flattened image repeats them for each pixel.
struct ChannelLayout {
  std::vector<uint32_t> spaces;
  int32_t repeat = 1;
  bool operator==(const ChannelLayout&) const = default;
};

// A convolution or matrix product that reads a group's channels.
struct ChannelConsumer {
  NodeId node;
  // rows[c]: the rows of the node's weight matrix (patch_weights, compress/moments.h) that channel c feeds.
  std::vector<std::vector<int32_t>> rows;
};

// Channels c of all values in a group stand or fall together: they are joined by residual sums, depthwise
// convolutions, constants per channel and the like (Fang et al. 2023, DepGraph).
struct ChannelGroup {
  int32_t channels = 0;
  std::vector<NodeId> producers;  // convolutions and products that compute them, in the graph's order
  std::vector<ChannelConsumer> consumers;
};

class ChannelGroups {
 public:
  // The groups of a graph as `simplify` leaves it. What an input or output of the model, or an op that mixes
  // channels, touches belongs to no group. A group has at least one producer and one consumer, whose weights
  // no other node shares, and at least two channels.
  static ChannelGroups find(const Graph& graph);

  const std::vector<ChannelGroup>& groups() const { return groups_; }
  // kept[g]: the channels of group g that stay, ascending. The indices along `axis` of a value or constant
  // that stay; all of them where the axis has no channels of a group.
  std::vector<int32_t> kept_indices(const Graph& graph, ValueId value, int axis,
                                    std::span<const std::vector<int32_t>> kept) const;
  // How many they are, where kept[g] tells but the number that stays in group g.
  int64_t kept_count(const Graph& graph, ValueId value, int axis, std::span<const int32_t> kept) const;
  // Multiply-accumulates of the graph with so many channels kept in each group.
  int64_t macs(const Graph& graph, std::span<const int32_t> kept) const;

 private:
  friend class ChannelTracer;
  const ChannelLayout* layout(ValueId value, int axis) const;

  std::vector<ChannelGroup> groups_;
  std::map<std::pair<ValueId, int>, ChannelLayout> layouts_;
  std::vector<int32_t> space_group_;  // -1: none
  std::vector<int32_t> space_size_;
};

// The window of a convolution's kernel; 1x1 for a matrix product. The weights are of [taps, inputs, outputs]
// once its axes are in that order.
struct ProductWeights {
  ValueId weights = kNone;
  ValueId bias = kNone;
  int input_axis = 0, output_axis = 0;  // of the weights
  int32_t taps = 1, inputs = 0, outputs = 0;
};
// How a conv2d, or a matmul by a constant matrix, lies in memory; weights kNone for other nodes, and where
// the weights are not constant.
ProductWeights product_weights(const Graph& graph, const Node& node);

}  // namespace linnet

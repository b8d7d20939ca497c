// Has a changed model compute what the original computed, layer by layer.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "compress/channel_groups.h"
#include "compress/sample_runner.h"

namespace linnet {

struct ReconstructOptions {
  int threads = 1;
  // Of each sample at most so many pixels of a layer's result are fitted to.
  int64_t max_rows = 1024;
  // So many samples in a row are views of one thing: cross-validation keeps them together.
  size_t views = 1;
  // Nodes before this one stay.
  NodeId first = 0;
  // Called after each layer with the number done and all.
  std::function<void(size_t, size_t)> progress = {};
};

// Solves the weights and biases of the convolutions, depthwise convolutions and products of `changed`, one
// after the other, by least squares: their inputs are those of the changed model, with all layers before
// solved, and their results shall be the original's (He et al. 2017). Where the result is added to another
// value, the sum shall be the original's, so that a layer makes up for what is lost beside it. `changed` is
// remove_channels(original, groups, kept); layers that nothing before them changed are left alone.
Result<void> reconstruct(const Graph& original, const ChannelGroups& groups,
                         std::span<const std::vector<int32_t>> kept, const Samples& samples,
                         const ReconstructOptions& options, Graph& changed);

}  // namespace linnet

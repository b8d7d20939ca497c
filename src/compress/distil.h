// Trains a changed model on what the original computes, all layers together.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "compress/channel_groups.h"
#include "compress/sample_runner.h"

namespace linnet {

struct DistilOptions {
  int threads = 1;
  size_t steps = 250;
  size_t batch = 8;  // samples to a step
  // Samples are images [1,height,width,channels] in f32: each time another random part of one is shown,
  // mirrored or not, brighter or darker.
  bool augment = false;
  // A step changes weights by about this part of their size, falling to nothing along a cosine.
  double rate = 1e-3;
  std::function<void(size_t, size_t)> progress = {};
};

// Fits the features of `changed`, which is remove_channels(original, groups, kept), to the original's by Adam
// (Kingma and Ba 2015): the squared error of the value that the last product reads, before a mean over the
// image (Wang et al. 2022 mimic features so with few samples). The layers after it stay. Returns false, and
// nothing has changed, where the way there leads through an op whose derivative is not known (backward.h).
// The result does not depend on the number of threads.
Result<bool> distil(const Graph& original, const ChannelGroups& groups,
                    std::span<const std::vector<int32_t>> kept, const Samples& samples,
                    const DistilOptions& options, Graph& changed);

}  // namespace linnet

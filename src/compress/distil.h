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
  size_t batch = 16;  // samples to a step
  // Samples are images [1,height,width,channels] in f32: another random part of one is shown each time,
  // mostly with a part of another one over it (augment.h); large ones at less than their size, which takes
  // less time.
  bool augment = false;
  // A step changes weights by about this part of their size, falling to nothing along a cosine.
  double rate = 2e-3;
  // What the errors of the results within the model weigh beside that of the features, each.
  double within = 0.3;
  std::function<void(size_t, size_t)> progress = {};
};

// Fits `changed`, which is `original` with the channels kept[g] of its groups (remove_channels), to what the
// original computes by Adam (Kingma and Ba 2015). The loss is the squared error of the value that the last
// product reads, before a mean over the image (Wang et al. 2022 mimic features so with few samples), and of
// the results of layers that lost inputs, each as a part of the original's squares. Only layers that lost
// channels are trained: few samples say little about the others. The last product stays. Returns false, and
// nothing has changed, where the way there leads through an op whose derivative is not known (backward.h).
// The result does not depend on the number of threads.
Result<bool> distil(const Graph& original, std::span<const std::vector<int32_t>> kept, const Samples& samples,
                    const DistilOptions& options, Graph& changed);

}  // namespace linnet

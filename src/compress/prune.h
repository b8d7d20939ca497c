// Structured pruning: a model with fewer channels.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compress/prune_criterion.h"
#include "compress/sample_runner.h"

namespace linnet {

struct PruneOptions {
  // Multiply-accumulates to leave, as a part of those that there are; above 0, below 1.
  double macs = 0.75;
  PruneCriterion criterion = PruneCriterion::Reconstruction;
  // Numbers of channels that stay are multiples of it: what the kernels' tiles take.
  int32_t multiple = 8;
  // No group loses more than this part of its channels.
  double most_removed = 0.97;
  int threads = 1;
  // So many samples in a row are views of one thing.
  size_t views = 1;
  // Samples are images, of which other views may be made.
  bool images = false;
  // Steps of training all layers together (compress/distil.h); 0: none.
  size_t steps = 250;
  // Called after each step of a stage with the number done and all.
  std::function<void(const char* stage, size_t done, size_t total)> progress = {};
};

struct PrunedGroup {
  std::string name;  // of the first node that computes the channels
  int32_t channels = 0, kept = 0;
  int64_t macs = 0, macs_kept = 0;  // of the nodes that compute or read them
  // Error of the model's answers (OutputError) when this group alone loses as many; without samples the part
  // of the weights that goes.
  double error = 0;
};

struct PruneResult {
  Graph graph;
  std::vector<PrunedGroup> groups;
  int64_t macs = 0, macs_kept = 0;
  // OutputError of the pruned model on the samples; 0 without.
  double error = 0;
};

// Prunes `graph`, which `simplify` left. With samples every group is tried alone to learn what its channels
// are worth, the budget is shared out by error per multiply-accumulate saved (channel_budget.h), and what is
// left is solved again layer by layer (reconstruct.h). Without samples (an empty list) the weights' norms
// alone decide. The result depends on the arguments only. Fails with InvalidArgument: nothing can be removed,
// the target cannot be reached, the criterion needs samples, or samples are unfit (check_samples).
Result<PruneResult> prune(const Graph& graph, const Samples& samples, const PruneOptions& options);

// How far the answers of `changed` are from those of `original` (OutputError), the mean over the samples.
Result<double> answers_error(const Graph& original, const Graph& changed, const Samples& samples,
                             int threads);

}  // namespace linnet

// Weights rounded and biases corrected layer by layer, so that results stay near those of the float model.
#pragma once

#include "compress/deviation.h"
#include "compress/statistics.h"
#include "compress/value_runner.h"
#include "graph/graph.h"

namespace linnet {

// The layers of `graph` that quantisation can turn into ops over codes, in the order of computing.
std::vector<NodeId> quantizable_layers(const Graph& graph);

// Gives every layer that `graph.ranges` quantise weights that int8 holds exactly, and a new bias. Layer by
// layer the inputs are those of the quantised layers before. Rounding is learned from their moments
// (learn_rounding), drawn towards the diagonal where the samples are few; the bias takes up the mean by which
// the results would be off those of the float model, which is `graph` as it was (empirical bias correction,
// Nagel et al. 2019), unless the answers become worse by it.
Result<void> round_layers(Graph& graph, const Samples& samples, Judge& judge, int threads, const Tick& tick);

}  // namespace linnet

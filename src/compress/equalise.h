// Cross-layer equalisation (Nagel et al. 2019, "Data-free quantization through weight equalization and bias
// correction"): channels of small values are scaled up where they are made and down where they are read.
#pragma once

#include "compress/statistics.h"
#include "graph/graph.h"

namespace linnet {

// Scales the channels of activations to use more of their tensor's range, and the weights before and after by
// the same factors; what the graph computes stays the same. Only channels between convolutions and products
// over which everything is positively homogeneous take part: ReLU, sums, pools, joins. A ReLU6 counts where
// `statistics` of `graph` say that the channel stays under 6, before and after. Weights of their own scale
// for each output channel lose nothing where they are made; where they are read, the scale's exponent is
// chosen by the noise that both roundings add (as SmoothQuant does, Xiao et al. 2022). Gives the number of
// channels that have another scale.
Result<int> equalise(Graph& graph, const Statistics& statistics);

}  // namespace linnet

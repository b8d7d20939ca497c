// Post-training quantisation: from a float model and samples to one that runs in int8.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compress/choose_ranges.h"
#include "compress/layer_choice.h"

namespace linnet {

struct QuantizeOptions {
  int threads = 1;
  // Of the samples, for messages; may be empty.
  std::vector<std::string> names = {};
  // The class of each sample, to measure the drop by; none: see Deviation.
  std::vector<size_t> labels = {};
  // In points: layers stay in f32, with weights of 16 bits, until the drop on the samples is no more.
  // Infinite: all layers are quantised.
  double most_drop = 1e9;
  // Called after each piece of work: what is being done, how much of it is, and how much there is.
  std::function<void(const char* what, size_t done, size_t total)> progress = {};
};

struct QuantizeReport {
  int equalised = 0;  // channels
  RangeReport ranges;
  std::vector<LayerSensitivity> layers;  // in the order of computing
  Deviation deviation;                   // of the result, on the samples, if any
};

// Replaces the weights of `graph`, which was simplified, by ones that 8 bits a weight hold exactly, and gives
// it ranges; layers that stay f32 have their weights as they were and no range for their result. The steps:
// cross-layer equalisation, ranges, rounding and biases layer by layer, sensitivity, layers kept. Fails with
// InvalidArgument where samples cannot calibrate: none, not finite, or all alike.
Result<QuantizeReport> quantize_model(Graph& graph, const Samples& samples, const QuantizeOptions& options);

// Has the matrix products and wide pointwise convolutions of `graph`, which was simplified, run over codes
// whose ranges are found row by row when they run: their weights become ones that 8 bits a weight hold
// exactly, and their results' ranges dynamic. Needs no samples; with some, layers are compared and kept as by
// quantize_model. Fails with InvalidArgument where there is no such layer, or as check_samples.
Result<QuantizeReport> quantize_dynamically(Graph& graph, const Samples& samples,
                                            const QuantizeOptions& options);

// Are nine in ten of the numbers that round_to_halves would round what it would make of them?
bool are_mostly_halves(const Graph& graph);
// Has the constants of `graph` be numbers of 16 bits, but for those of one dimension
// and those with a number that is too large. Needs no samples; with some, the report has the deviation on
// them. Fails as check_samples.
Result<QuantizeReport> round_to_halves(Graph& graph, const Samples& samples, const QuantizeOptions& options);

}  // namespace linnet

// How far a model's answers are from those that it should give.
#pragma once

#include <span>
#include <vector>

#include "graph/graph.h"

namespace linnet {

// Compares a model's f32 outputs with the ones of the original model, sample by sample. Outputs of shape
// [1,classes] are judged as a classifier's: the Kullback-Leibler divergence of the probabilities, by softmax
// where they are no probabilities themselves. Others by the squared error as a part of the squares.
class OutputError {
 public:
  explicit OutputError(const Graph& graph);

  // The outputs that count.
  std::span<const ValueId> values() const { return values_; }
  void set_original(size_t sample, std::span<const TensorView> outputs);
  // The mean over the outputs.
  double of(size_t sample, std::span<const TensorView> outputs) const;

 private:
  std::vector<ValueId> values_;
  std::vector<std::vector<std::vector<float>>> original_;  // by sample and output
};

}  // namespace linnet

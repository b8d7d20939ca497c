// How far the answers of a changed model are from those of the original.
#pragma once

#include <span>
#include <vector>

#include "compress/value_runner.h"

namespace linnet {

// The outputs of one sample, one after the other, as numbers.
using ModelAnswers = std::vector<std::vector<double>>;

struct Deviation {
  // Has the model one output, with a row of two or more classes?
  bool classifies = false;
  // Classifiers: samples with the same best class, as a share.
  double agreement = 1;
  // Classifiers: mean Kullback-Leibler divergence from the original's probabilities, in nats.
  double divergence = 0;
  // Signal to noise over all outputs, in decibels; infinite where nothing differs.
  double sqnr = 0;
  // What the change costs, in points. Of classifiers with labels: the original's right answers less those of
  // the changed model. Without labels the same if the original's probabilities were true: the probability of
  // its best class less that of the class that the changed model takes for best. Of other models: the error's
  // root mean square in per cent of the outputs' deviation.
  double drop = 0;
};

// The answers of `graph` to `samples`: in int8 where it has ranges.
Result<ModelAnswers> answers_of(const Graph& graph, const Samples& samples, int threads);

// `labels`: the class of each sample, or none.
Deviation deviation_of(const Graph& graph, const ModelAnswers& original, const ModelAnswers& changed,
                       std::span<const size_t> labels);

// Compares versions of a model by their answers to a few samples.
class Judge {
 public:
  // `original` in f32, whatever ranges it has. Of `samples` at most `most` are used, spread evenly.
  static Result<Judge> create(const Graph& original, const Samples& samples, size_t most, int threads);

  // The divergence of a classifier's answers, the squared error of others' in parts of their variance.
  Result<double> error_of(const Graph& changed) const;
  Result<Deviation> deviation_of(const Graph& changed, std::span<const size_t> labels) const;

 private:
  Samples samples_;
  ModelAnswers answers_;
  int threads_ = 1;
};

}  // namespace linnet

// Measures the ranges of a model's values on samples, for int8.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "runtime/session.h"

namespace linnet {

// Use: create, then for each sample fill session().input(i) and observe(), then ranges().
class Calibrator {
 public:
  // Compiles `graph`, simplified as far as quantisation will find it, with every f32 value as an output.
  // Ranges that the graph has are forgotten. Fails as compile_cpu does.
  static Result<std::unique_ptr<Calibrator>> create(Graph graph, int threads);

  Session& session() { return *session_; }
  // Runs the model and takes the sample's values into account. Fails with InvalidArgument, naming the value,
  // when one is not finite: then the sample counts for nothing.
  Result<void> observe();
  size_t samples() const { return samples_; }
  // Of each value the mean of the samples' minima and that of their maxima: a single outlier does not stretch
  // the range (Jacob et al. 2018 average over time for the same reason). Empty without samples.
  Ranges ranges() const;

 private:
  Calibrator() = default;
  struct Observed {
    std::string name;
    size_t output;  // of the session
    double low = 0, high = 0;
  };
  std::unique_ptr<Session> session_;
  std::vector<Observed> values_;
  std::vector<ValueRange> sample_;
  size_t samples_ = 0;
};

}  // namespace linnet

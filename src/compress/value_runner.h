// Computes chosen values of a graph.
#pragma once

#include <memory>
#include <span>

#include "compress/sample_runner.h"
#include "graph/graph.h"
#include "runtime/session.h"

namespace linnet {

class ValueRunner {
 public:
  // Compiles `graph`, which has one input and was simplified, as far as `values` need it: in int8 where it
  // has ranges, else in f32. Fails as compile_cpu does.
  static Result<ValueRunner> create(const Graph& graph, std::span<const ValueId> values, int threads);

  void run(const Tensor& sample);
  // Of values[i], good until the next run.
  TensorView value(size_t i) const { return session_->output(i); }

 private:
  explicit ValueRunner(std::unique_ptr<Session> session) : session_(std::move(session)) {}
  std::unique_ptr<Session> session_;
};

}  // namespace linnet

// Runs parts of a graph on calibration samples, from where it stopped before.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "runtime/session.h"

namespace linnet {

// Inputs of a model with one input, each of its type and shape.
using Samples = std::vector<Tensor>;

// Samples for the only input of `graph`: there are some, of the right size, finite, and not all of them of
// one value. Fails with InvalidArgument or WrongSize, naming the sample: by `names`, which may be
// empty, or its number.
Result<void> check_samples(const Graph& graph, const Samples& samples,
                           std::span<const std::string> names = {});

class SampleRunner {
 public:
  // `graph` has one input. Samples that lie `first`, first + stride, ... only.
  SampleRunner(const Graph& graph, const Samples& samples, int threads, size_t stride = 1);

  size_t samples() const { return samples_; }
  // Values that node `node` and those after it use are computed ahead as far as they are small, so that
  // `visit` of later nodes takes less. `graph` has the nodes of the one that this was made for, perhaps other
  // constants.
  Result<void> advance(const Graph& graph, NodeId node);
  // The first node that `visit` computes.
  NodeId position() const { return position_; }
  // Calls `use(sample, data of each wanted value)` for each sample. Wanted are results of nodes up to `last`,
  // or of nodes before position() which those use.
  Result<void> visit(const Graph& graph, NodeId last, std::span<const ValueId> wanted,
                     const std::function<void(size_t, std::span<const TensorView>)>& use);

 private:
  std::vector<ValueId> live_at(const Graph& graph, NodeId node) const;

  int threads_;
  size_t samples_;
  NodeId position_ = 0;
  int64_t limit_;  // of elements kept for each sample
  std::map<ValueId, std::vector<std::vector<std::byte>>> held_;
};

}  // namespace linnet

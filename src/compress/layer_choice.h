// Which layers of a quantised model are worth what they cost: each alone against the float model, and the
// worst kept as they were.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "compress/deviation.h"
#include "compress/statistics.h"

namespace linnet {

// What quantising one layer alone does to the answers.
struct LayerSensitivity {
  std::string name, op;
  size_t weights = 0;  // their number
  Deviation deviation;
  bool kept = false;  // in f32
};

// Its name, op and number of weights.
LayerSensitivity describe_layer(const Graph& graph, const Node& node);

// A model and its quantised version, node by node the same, and the layers in which they differ.
class LayerChoice {
 public:
  LayerChoice(const Graph& original, const Graph& quantised, std::vector<NodeId> layers)
      : original_(original), quantised_(quantised), layers_(std::move(layers)) {}

  size_t layers() const { return layers_.size(); }
  // The quantised model with only the layers that `quantised` says in int8: the others have their weights as
  // they were, and no range for their result.
  Graph with(const std::vector<bool>& quantised) const;

  // Each layer alone, on few of `samples`.
  Result<std::vector<LayerSensitivity>> compare(const Samples& samples, int threads, const Tick& tick) const;

  struct Kept {
    Graph graph;
    Deviation deviation;
  };
  // Keeps layers, those of the largest error in `layers` first, until the drop on `samples` is at most
  // `most_drop`, and marks them. `labels`: see Deviation.
  Result<Kept> keep(std::vector<LayerSensitivity>& layers, const Samples& samples,
                    std::span<const size_t> labels, double most_drop, int threads) const;

 private:
  const Graph& original_;
  const Graph& quantised_;
  std::vector<NodeId> layers_;
};

}  // namespace linnet

// Gradients of a graph's weights, by reverse accumulation over one sample.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "compress/moments.h"

namespace linnet {

using MatrixF = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Of one layer: as patch_weights, and its bias.
struct LayerGradient {
  MatrixF weights;
  Eigen::VectorXf bias;
};

class Backward {
 public:
  // For a loss of the value `end`. Trained are all convolutions, depthwise convolutions and products that it
  // depends on. Fails with UnsupportedOp, naming the node, where the way there leads through an op whose
  // derivative is not known; known are also relu, relu6, sums, and relu of sums.
  static Result<Backward> create(const Graph& graph, ValueId end);

  std::span<const NodeId> layers() const { return layers_; }
  // The values that `run` reads, in this order.
  std::span<const ValueId> values() const { return values_; }
  // Adds to `gradients` (of each layer; sized by `zero`) the gradients for the sample with these values.
  // `loss` is the derivative with respect to each element of `end`. The constants are those of `graph`, which
  // has the nodes of the graph that this was made for.
  void run(const Graph& graph, std::span<const TensorView> values, std::vector<float> loss,
           std::span<LayerGradient> gradients) const;
  std::vector<LayerGradient> zero(const Graph& graph) const;

 private:
  enum class Kind : uint8_t { Product, Depthwise, Relu, Relu6, Add, AddRelu };
  struct Step {
    NodeId node;
    Kind kind;
    size_t layer = 0;        // of Product and Depthwise
    size_t input = 0;        // its input's place in values_; of Relu and the like their result's
    bool passes_on = false;  // a layer before needs the input's gradient
  };
  size_t place_of(ValueId value);

  ValueId end_ = kNone;
  std::vector<Step> steps_;  // from the end
  std::vector<NodeId> layers_;
  std::vector<Patches> patches_;  // of each layer
  std::vector<ValueId> values_;
};

}  // namespace linnet

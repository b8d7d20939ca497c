// Gradients of a graph's weights, by reverse accumulation over one sample.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "compress/moments.h"

namespace linnet {

using MatrixF = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Of one layer, as patch_weights and bias_of give them: its parameters, or a loss's derivatives by them.
struct LayerParameters {
  MatrixF weights;
  Eigen::VectorXf bias;
};

class Backward {
 public:
  // For losses of the values `ends`. Trained are the convolutions, depthwise convolutions and products among
  // `trained` (by node) that they depend on. Fails with UnsupportedOp, naming the node, where the way there
  // leads through an op whose derivative is not known; known are also relu, relu6, sums, relu of sums, means
  // over an image and reshape.
  static Result<Backward> create(const Graph& graph, std::span<const ValueId> ends,
                                 const std::vector<bool>& trained);

  // Those that are trained.
  std::span<const NodeId> layers() const { return layers_; }
  // The values that `run` reads, in this order.
  std::span<const ValueId> values() const { return values_; }
  // Adds to `gradients` (of each layer; sized by `zero`) those for the sample with these values, computed by
  // layers of the parameters `layers`. losses[i]: the derivative by each element of ends[i].
  void run(std::span<const LayerParameters> layers, std::span<const TensorView> values,
           std::vector<std::vector<float>> losses, std::span<LayerParameters> gradients) const;
  // The parameters that the layers have in `graph`, which has the nodes of the graph that this was made for.
  std::vector<LayerParameters> parameters(const Graph& graph) const;
  static std::vector<LayerParameters> zero(std::span<const LayerParameters> like);

 private:
  enum class Kind : uint8_t { Product, Depthwise, Relu, Relu6, Add, AddRelu, Mean, Reshape };
  struct Step {
    NodeId node = kNone;
    Kind kind = Kind::Product;
    // Of Product and Depthwise: the place in layers_, or where it is not trained its weights.
    size_t layer = SIZE_MAX;
    MatrixF weights = {};
    std::shared_ptr<const Patches> patches = nullptr;
    size_t value = 0;  // the place in values_ of a trained layer's input, of the result of Relu and the like
    ValueId result = kNone;
    std::vector<ValueId> inputs = {};  // that need a gradient
  };
  size_t place_of(ValueId value);
  Result<Step> step_for(const Graph& graph, NodeId id, bool trained);

  std::vector<ValueId> ends_;
  std::vector<Step> steps_;  // from the end
  std::vector<NodeId> layers_;
  std::vector<ValueId> values_;
  std::vector<int64_t> elements_;  // of each value of the graph
  std::vector<int32_t> channels_;
};

}  // namespace linnet

// Sums over the windows that a layer reads, as rounding its weights needs them.
#pragma once

#include <Eigen/Dense>

#include "graph/graph.h"
#include "ops/window.h"
#include "passes/quantize_weights.h"

namespace linnet {

// Means and second moments of the windows of a convolution, depthwise convolution or product. Windows are in
// the order of the weights; a depthwise convolution has windows of its own for each channel.
class WindowMoments {
 public:
  // For a node for which weights_are_quantizable. Without `pairs` there are means alone.
  WindowMoments(const Graph& graph, const Node& node, bool pairs);

  // Adds about `windows` of a sample, spread evenly, always the same ones: `input` are the elements of the
  // node's input.
  void add(const float* input, int64_t windows);

  int64_t windows() const { return windows_; }  // of one sample
  // Linear maps: one for each channel of a depthwise convolution, else one.
  int64_t parts() const { return depthwise_ ? layout_.channels : 1; }
  Eigen::VectorXd mean(int64_t part) const;
  // Central second moments, [depth, depth].
  Eigen::MatrixXd covariance(int64_t part) const;

 private:
  void add_dense(const float* input, int64_t stride);
  void add_depthwise(const float* input, int64_t stride);
  // The window of position `p`: [taps][input channels], zeros outside.
  void gather(const float* input, int64_t p, float* window) const;

  WeightLayout layout_;
  bool depthwise_, pairs_;
  Window window_{};  // but of products
  bool has_window_;
  int64_t inputs_;  // channels
  int64_t windows_;
  double count_ = 0;
  // Dense: [depth, 1] and [depth, depth]. Depthwise: [channels, taps] and [channels, pairs of taps].
  Eigen::MatrixXd sum_, products_;
};

}  // namespace linnet

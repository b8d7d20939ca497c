// Rounding weights to codes so that what a layer computes changes least.
#pragma once

#include <Eigen/Dense>
#include <vector>

namespace linnet {

// The weights of output channels as codes -127 .. 127 times a scale. In each channel that is not all zero
// some code is 127 or -127: the largest weight alone tells the scale.
struct RoundedWeights {
  Eigen::MatrixXf codes;  // [depth, channels]
  std::vector<float> scales;
  Eigen::MatrixXf weights() const;
};

// Each weight to the nearest code; the largest of a channel gets +-127.
RoundedWeights round_to_nearest(const Eigen::MatrixXd& weights);

// The sum over channels of (w - target)' hessian (w - target): the squared change of a layer's results, where
// hessian [depth, depth] is the sum of x x' over its inputs.
double rounding_error(const Eigen::MatrixXd& hessian, const Eigen::MatrixXd& target,
                      const Eigen::MatrixXf& weights);

// Codes for `target` [depth, channels] of little rounding_error, never more than the nearest have: a weight's
// error is made good by the weights still to be rounded (Frantar et al. 2023, GPTQ), then single codes move
// as long as that helps. `hessian` is positive definite.
RoundedWeights learn_rounding(const Eigen::MatrixXd& hessian, const Eigen::MatrixXd& target);

}  // namespace linnet

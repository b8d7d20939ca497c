// Linear least squares on covariances.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "compress/moments.h"

namespace linnet {

struct LinearFit {
  Eigen::MatrixXd weights;
  Eigen::VectorXd bias;
  // Of the squared error that `weights` and `bias` leave and that the ones before left, as parts of y's
  // variance, on the rows that were fitted to.
  double error = 0, error_before = 0;
};

// Weights and bias for which x * weights + bias comes closest to y, by ridge regression towards the `weights`
// that there are: deviations cost. How much is chosen by cross-validation between the two halves of the rows,
// so few or alike rows move the weights little. Where no deviation helps the other half, they stay.
LinearFit fit_towards(const Moments& first_half, const Moments& second_half, const Eigen::MatrixXd& weights,
                      const Eigen::VectorXd& bias);

// The weights that come closest to `weights` on inputs of this covariance while the rows that are not in
// `kept` (ascending) are zero; `ridge` is added to the covariance's diagonal as a part of its mean.
Eigen::MatrixXd fit_without(const Eigen::MatrixXd& covariance, const Eigen::MatrixXd& weights,
                            const std::vector<int32_t>& kept, double ridge);
// The ridge for which weights fitted to either covariance err least on the other one.
double best_ridge(const Eigen::MatrixXd& first, const Eigen::MatrixXd& second, const Eigen::MatrixXd& weights,
                  const std::vector<int32_t>& kept);
// The mean squared error between the two, of all outputs together.
double weights_error(const Eigen::MatrixXd& covariance, const Eigen::MatrixXd& a, const Eigen::MatrixXd& b);

// Takes blocks of rows out of a weight matrix one by one, each time those whose loss costs least, while the
// other rows make up for it: backward elimination with the closed form of the optimal brain surgeon (Hassibi
// and Stork 1993) on the covariance of the inputs.
class BackwardElimination {
 public:
  // `covariance` of the inputs, ridge added to its diagonal as a part of its mean; `weights` as found.
  BackwardElimination(const Eigen::MatrixXd& covariance, const Eigen::MatrixXd& weights, double ridge);

  // What removing these rows adds to the mean squared error of all outputs together; they are still there.
  double cost(const std::vector<int32_t>& rows) const;
  void remove(const std::vector<int32_t>& rows);
  // Zero in the rows removed.
  const Eigen::MatrixXd& weights() const { return weights_; }

 private:
  Eigen::MatrixXd inverse_, weights_;
};

}  // namespace linnet

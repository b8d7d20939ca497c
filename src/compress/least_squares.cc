#include "compress/least_squares.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

namespace linnet {

namespace {

// Ridges to choose from, as parts of the inputs' mean variance.
constexpr double kRidges[] = {1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0};

double mean_diagonal(const Eigen::MatrixXd& matrix) {
  return matrix.size() == 0 ? 0 : matrix.trace() / static_cast<double>(matrix.rows());
}

// Covariances, ready to be fitted to and judged by.
struct Problem {
  Eigen::MatrixXd xx, xy;
  Eigen::VectorXd x_mean, y_mean;
  double yy;
  explicit Problem(const Moments& moments)
      : xx(moments.covariance()),
        xy(moments.cross_covariance()),
        x_mean(moments.x_mean()),
        y_mean(moments.y_mean()),
        yy(moments.y_variance()) {}

  // The deviation from `weights`.
  Eigen::MatrixXd solve(const Eigen::MatrixXd& weights, double ridge) const {
    Eigen::MatrixXd system = xx;
    system.diagonal().array() += std::max(ridge * mean_diagonal(xx), 1e-30);
    return system.ldlt().solve(xy - xx * weights);
  }
  double error(const Eigen::MatrixXd& weights, const Eigen::VectorXd& bias) const {
    const double centred =
        yy + (weights.cwiseProduct(xx * weights)).sum() - 2 * weights.cwiseProduct(xy).sum();
    const Eigen::VectorXd offset = weights.transpose() * x_mean + bias - y_mean;
    return centred + offset.squaredNorm();
  }
  Eigen::VectorXd bias(const Eigen::MatrixXd& weights) const { return y_mean - weights.transpose() * x_mean; }
};

}  // namespace

LinearFit fit_towards(const Moments& first_half, const Moments& second_half, const Eigen::MatrixXd& weights,
                      const Eigen::VectorXd& bias) {
  Moments moments = first_half;
  moments.add(second_half);
  const Problem all(moments);
  const double scale = all.yy > 0 ? all.yy : 1;
  LinearFit fit{weights, bias, 0, all.error(weights, bias) / scale};
  fit.error = fit.error_before;
  if (first_half.count == 0 || second_half.count == 0 || all.yy <= 0) return fit;
  const Problem halves[] = {Problem(first_half), Problem(second_half)};
  double best = halves[0].error(weights, bias) + halves[1].error(weights, bias);
  double ridge = -1;
  for (double candidate : kRidges) {
    double error = 0;
    for (int i = 0; i < 2; ++i) {
      const Eigen::MatrixXd solved = weights + halves[i].solve(weights, candidate);
      error += halves[1 - i].error(solved, halves[i].bias(solved));
    }
    if (std::isfinite(error) && error < best) {
      best = error;
      ridge = candidate;
    }
  }
  if (ridge < 0) return fit;
  fit.weights += all.solve(weights, ridge);
  fit.bias = all.bias(fit.weights);
  fit.error = all.error(fit.weights, fit.bias) / scale;
  return fit;
}

Eigen::MatrixXd fit_without(const Eigen::MatrixXd& covariance, const Eigen::MatrixXd& weights,
                            const std::vector<int32_t>& kept, double ridge) {
  const double added = std::max(ridge * mean_diagonal(covariance), 1e-30);
  Eigen::MatrixXd system = covariance(kept, kept);
  system.diagonal().array() += added;
  // Towards `weights`: the ridge pulls the deviation to zero.
  Eigen::MatrixXd lost = weights;
  for (int32_t row : kept) lost.row(row).setZero();
  const Eigen::MatrixXd wanted = (covariance * lost)(kept, Eigen::all);
  const Eigen::MatrixXd change = system.llt().solve(wanted);
  Eigen::MatrixXd result = Eigen::MatrixXd::Zero(weights.rows(), weights.cols());
  for (size_t i = 0; i < kept.size(); ++i)
    result.row(kept[i]) = weights.row(kept[i]) + change.row(static_cast<Eigen::Index>(i));
  return result;
}

double best_ridge(const Eigen::MatrixXd& first, const Eigen::MatrixXd& second, const Eigen::MatrixXd& weights,
                  const std::vector<int32_t>& kept) {
  double best = kRidges[0], best_error = INFINITY;
  for (double ridge : kRidges) {
    const double error = weights_error(second, weights, fit_without(first, weights, kept, ridge)) +
                         weights_error(first, weights, fit_without(second, weights, kept, ridge));
    if (error < best_error) {
      best_error = error;
      best = ridge;
    }
  }
  return best;
}

double weights_error(const Eigen::MatrixXd& covariance, const Eigen::MatrixXd& a, const Eigen::MatrixXd& b) {
  const Eigen::MatrixXd difference = a - b;
  return difference.cwiseProduct(covariance * difference).sum();
}

BackwardElimination::BackwardElimination(const Eigen::MatrixXd& covariance, const Eigen::MatrixXd& weights,
                                         double ridge)
    : weights_(weights) {
  Eigen::MatrixXd system = covariance;
  system.diagonal().array() += std::max(ridge * mean_diagonal(covariance), 1e-30);
  inverse_ = system.llt().solve(Eigen::MatrixXd::Identity(system.rows(), system.cols()));
}

double BackwardElimination::cost(const std::vector<int32_t>& rows) const {
  if (rows.size() == 1) return weights_.row(rows[0]).squaredNorm() / inverse_(rows[0], rows[0]);
  const Eigen::MatrixXd lost = weights_(rows, Eigen::all);
  const Eigen::MatrixXd block = inverse_(rows, rows);
  return lost.cwiseProduct(block.llt().solve(lost)).sum();
}

void BackwardElimination::remove(const std::vector<int32_t>& rows) {
  const Eigen::MatrixXd block = inverse_(rows, rows);
  const Eigen::MatrixXd columns = inverse_(Eigen::all, rows);
  const Eigen::MatrixXd lost = weights_(rows, Eigen::all);
  const auto factor = block.llt();
  weights_.noalias() -= columns * factor.solve(lost);
  inverse_.noalias() -= columns * factor.solve(columns.transpose());
  // Exactly gone; the diagonal stays positive, so that costs of what is gone are zero, not NaN.
  for (int32_t row : rows) {
    weights_.row(row).setZero();
    inverse_.row(row).setZero();
    inverse_.col(row).setZero();
    inverse_(row, row) = 1;
  }
}

}  // namespace linnet

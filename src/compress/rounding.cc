#include "compress/rounding.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "graph/quantization.h"

namespace linnet {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::MatrixXf;
using Eigen::VectorXd;

constexpr double kMost = kMaxWeightCode;

// The grid of one channel: its scale, and the weight whose code is +-127 whatever happens.
struct Grid {
  double scale = 1;
  Index pinned = -1;
  double round(double weight, Index k) const {
    if (k == pinned) return weight < 0 ? -kMost : kMost;
    return std::clamp(std::nearbyint(weight / scale), -kMost, kMost);
  }
};

Grid grid_of(const Eigen::Ref<const VectorXd>& weights, double shrink) {
  Index pinned = 0;
  const double most = weights.cwiseAbs().maxCoeff(&pinned);
  const auto scale = static_cast<double>(static_cast<float>(most * shrink / kMost));
  if (!(scale > 0) || !std::isfinite(scale) || !std::isfinite(1 / scale)) return {};
  return {scale, pinned};
}

// Moves single codes of a channel to where the error is least, until none moves. `gradient` is that of half
// the error, and stays so.
void descend(const MatrixXd& hessian, const Grid& grid, Eigen::Ref<VectorXd> codes,
             Eigen::Ref<VectorXd> gradient) {
  constexpr int kSweeps = 20;
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    bool moved = false;
    for (Index k = 0; k < codes.size(); ++k) {
      if (k == grid.pinned) continue;
      const double wanted = codes[k] - gradient[k] / (hessian(k, k) * grid.scale);
      const double code = std::clamp(std::nearbyint(wanted), -kMost, kMost);
      const double step = code - codes[k];
      // Only where the error becomes less for certain: halves and rounding must not go in circles.
      if (step == 0 ||
          step * (2 * gradient[k] + hessian(k, k) * grid.scale * step) >= -1e-12 * std::abs(gradient[k]))
        continue;
      codes[k] = code;
      gradient += hessian.col(k) * (step * grid.scale);
      moved = true;
    }
    if (!moved) return;
  }
}

// Rounds the inputs one by one, and has the weights of those left make good the error (GPTQ).
class Compensation {
 public:
  explicit Compensation(const MatrixXd& hessian) : order_(static_cast<size_t>(hessian.rows())) {
    const Index depth = hessian.rows();
    // The inputs of most energy first: what they leave over can still be made good.
    std::iota(order_.begin(), order_.end(), Index{0});
    std::ranges::sort(order_, [&](Index a, Index b) {
      return hessian(a, a) != hessian(b, b) ? hessian(a, a) > hessian(b, b) : a < b;
    });
    const MatrixXd inverse = MatrixXd(hessian(order_, order_)).llt().solve(MatrixXd::Identity(depth, depth));
    const Eigen::LLT<MatrixXd, Eigen::Upper> factor(inverse);
    if (factor.info() == Eigen::Success) upper_ = factor.matrixU();
  }
  // Was the matrix positive definite?
  bool works() const { return upper_.size() > 0; }

  MatrixXd round(const MatrixXd& target, const std::vector<Grid>& grids) const {
    const Index depth = target.rows(), channels = target.cols();
    MatrixXd codes(depth, channels);
    // Inputs that are rounded together; the rest learn of their errors at once.
    constexpr Index kBlock = 64;
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rest = target(order_, Eigen::all);
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> errors(kBlock, channels);
    for (Index first = 0; first < depth; first += kBlock) {
      const Index size = std::min(kBlock, depth - first);
      for (Index i = first; i < first + size; ++i) {
        const Index k = order_[static_cast<size_t>(i)];
        for (Index c = 0; c < channels; ++c) {
          const Grid& grid = grids[static_cast<size_t>(c)];
          codes(k, c) = grid.round(rest(i, c), k);
          errors(i - first, c) = (rest(i, c) - codes(k, c) * grid.scale) / upper_(i, i);
        }
        for (Index j = i + 1; j < first + size; ++j) rest.row(j) -= upper_(i, j) * errors.row(i - first);
      }
      const Index next = first + size;
      if (next < depth)
        rest.bottomRows(depth - next).noalias() -=
            upper_.block(first, next, size, depth - next).transpose() * errors.topRows(size);
    }
    return codes;
  }

 private:
  std::vector<Index> order_;
  MatrixXd upper_;  // of the inverse's factor
};

}  // namespace

MatrixXf RoundedWeights::weights() const {
  return codes *
         Eigen::Map<const Eigen::VectorXf>(scales.data(), static_cast<Index>(scales.size())).asDiagonal();
}

RoundedWeights round_to_nearest(const MatrixXd& weights) {
  RoundedWeights rounded{MatrixXf(weights.rows(), weights.cols()), {}};
  for (Index c = 0; c < weights.cols(); ++c) {
    const Grid grid = grid_of(weights.col(c), 1);
    rounded.scales.push_back(static_cast<float>(grid.scale));
    for (Index k = 0; k < weights.rows(); ++k)
      rounded.codes(k, c) = static_cast<float>(grid.round(weights(k, c), k));
  }
  return rounded;
}

double rounding_error(const MatrixXd& hessian, const MatrixXd& target, const MatrixXf& weights) {
  const MatrixXd error = weights.cast<double>() - target;
  return (hessian * error).cwiseProduct(error).sum();
}

RoundedWeights learn_rounding(const MatrixXd& hessian, const MatrixXd& target) {
  const Index depth = target.rows(), channels = target.cols();
  RoundedWeights best{MatrixXf::Zero(depth, channels), std::vector<float>(static_cast<size_t>(channels), 1)};
  std::vector<double> least(static_cast<size_t>(channels), INFINITY);
  const auto consider = [&](const std::vector<Grid>& grids, MatrixXd codes) {
    MatrixXd error(depth, channels);
    for (Index c = 0; c < channels; ++c)
      error.col(c) = codes.col(c) * grids[static_cast<size_t>(c)].scale - target.col(c);
    MatrixXd gradient = hessian * error;
    for (Index c = 0; c < channels; ++c) {
      const Grid& grid = grids[static_cast<size_t>(c)];
      descend(hessian, grid, codes.col(c), gradient.col(c));
      const double sum = gradient.col(c).dot(codes.col(c) * grid.scale - target.col(c));
      if (!(sum < least[static_cast<size_t>(c)])) continue;
      least[static_cast<size_t>(c)] = sum;
      best.codes.col(c) = codes.col(c).cast<float>();
      best.scales[static_cast<size_t>(c)] = static_cast<float>(grid.scale);
    }
  };
  std::vector<Grid> grids;
  const Compensation compensation(hessian);
  // A finer grid that cuts the largest weights pays where a channel has few.
  constexpr Index kFew = 64;
  for (const double shrink : {1.0, 0.92, 0.85}) {
    MatrixXd codes(depth, channels);
    grids.clear();
    for (Index c = 0; c < channels; ++c) {
      grids.push_back(grid_of(target.col(c), shrink));
      for (Index k = 0; k < depth; ++k) codes(k, c) = grids.back().round(target(k, c), k);
    }
    consider(grids, codes);
    if (compensation.works()) consider(grids, compensation.round(target, grids));
    if (depth > kFew) break;
  }
  return best;
}

}  // namespace linnet

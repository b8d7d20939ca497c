#include "compress/least_squares.h"

#include <gtest/gtest.h>

#include <random>

namespace linnet {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

RowMajor random_matrix(int rows, int columns, uint32_t seed) {
  std::mt19937 bits(seed);
  RowMajor result(rows, columns);
  for (int i = 0; i < rows; ++i)
    for (int k = 0; k < columns; ++k) result(i, k) = static_cast<float>(bits() % 2000) / 1000.0f - 1;
  return result;
}

TEST(Moments, AreThoseOfTheRows) {
  const RowMajor x = random_matrix(5000, 3, 1), y = random_matrix(5000, 2, 2);
  Moments moments(3, 2);
  moments.add(x.data(), y.data(), 4000);
  moments.add(x.data() + 4000 * 3, y.data() + 4000 * 2, 1000);
  const Eigen::MatrixXd xd = x.cast<double>(), yd = y.cast<double>();
  const Eigen::MatrixXd xc = xd.rowwise() - xd.colwise().mean(), yc = yd.rowwise() - yd.colwise().mean();
  EXPECT_LT((moments.covariance() - xc.transpose() * xc / 5000).norm(), 1e-5);
  EXPECT_LT((moments.cross_covariance() - xc.transpose() * yc / 5000).norm(), 1e-5);
  EXPECT_NEAR(moments.y_variance(), yc.squaredNorm() / 5000, 1e-5);
}

TEST(Moments, OfADepthwiseConvolutionAreThoseOfEachChannel) {
  // 2 taps, 3 channels: tap t of channel c lies at t * 3 + c.
  const RowMajor x = random_matrix(50, 6, 1), y = random_matrix(50, 3, 2);
  std::vector<Moments> channels(3, Moments(2, 1));
  Moments::add_depthwise(channels, x.data(), y.data(), 50);
  for (int c = 0; c < 3; ++c) {
    RowMajor own(50, 2), wanted(50, 1);
    own << x.col(c), x.col(3 + c);
    wanted << y.col(c);
    Moments expected(2, 1);
    expected.add(own.data(), wanted.data(), 50);
    const Moments& found = channels[static_cast<size_t>(c)];
    EXPECT_LT((found.covariance() - expected.covariance()).norm(), 1e-5);
    EXPECT_LT((found.cross_covariance() - expected.cross_covariance()).norm(), 1e-5);
    EXPECT_NEAR(found.y_variance(), expected.y_variance(), 1e-5);
  }
}

TEST(FitTowards, FindsTheWeightsThatMadeTheResults) {
  const RowMajor x = random_matrix(400, 4, 1), w = random_matrix(4, 2, 2);
  RowMajor y = x * w;
  y.rowwise() += Eigen::RowVector2f(3, -1);
  Moments halves[2] = {Moments(4, 2), Moments(4, 2)};
  halves[0].add(x.data(), y.data(), 200);
  halves[1].add(x.data() + 200 * 4, y.data() + 200 * 2, 200);
  const LinearFit fit =
      fit_towards(halves[0], halves[1], Eigen::MatrixXd::Zero(4, 2), Eigen::VectorXd::Zero(2));
  EXPECT_LT((fit.weights - w.cast<double>()).norm(), 1e-3);
  EXPECT_NEAR(fit.bias(0), 3, 1e-3);
  EXPECT_NEAR(fit.bias(1), -1, 1e-3);
  EXPECT_LT(fit.error, 1e-6);
  EXPECT_GT(fit.error_before, 1);
}

TEST(FitTowards, KeepsWeightsWhereNothingIsToBeLearnt) {
  const RowMajor x = random_matrix(8, 6, 1), noise = random_matrix(8, 1, 2);
  Moments halves[2] = {Moments(6, 1), Moments(6, 1)};
  for (int half = 0; half < 2; ++half) halves[half].add(x.data() + half * 4 * 6, noise.data() + half * 4, 4);
  const Eigen::MatrixXd weights = Eigen::MatrixXd::Zero(6, 1);
  const Eigen::VectorXd bias = Eigen::VectorXd::Constant(1, noise.cast<double>().mean());
  // Four rows tell nothing about six weights: only a strong ridge may pass.
  EXPECT_LT(fit_towards(halves[0], halves[1], weights, bias).weights.norm(), 0.5);
}

// Input 2 is input 0 plus twice input 1.
Eigen::MatrixXd dependent_covariance() {
  const RowMajor free = random_matrix(300, 2, 3);
  RowMajor x(300, 3);
  x << free, free.col(0) + 2 * free.col(1);
  Moments moments(3, 0);
  moments.add(x.data(), nullptr, 300);
  return moments.covariance();
}

TEST(BackwardElimination, RemovesADependentInputWithoutError) {
  const Eigen::MatrixXd covariance = dependent_covariance();
  const Eigen::MatrixXd weights = Eigen::Vector3d(1, 1, 1);
  BackwardElimination elimination(covariance, weights, 1e-9);
  EXPECT_NEAR(elimination.cost({2}), 0, 1e-6);
  elimination.remove({2});
  // x0 + x1 + (x0 + 2 x1).
  EXPECT_LT((elimination.weights() - Eigen::MatrixXd(Eigen::Vector3d(2, 3, 0))).norm(), 1e-4);
  EXPECT_GT(elimination.cost({0}), 0.1);
}

TEST(BackwardElimination, PredictsTheErrorOfTheBestFit) {
  const RowMajor x = random_matrix(100, 5, 4);
  Moments moments(5, 0);
  moments.add(x.data(), nullptr, 100);
  const Eigen::MatrixXd covariance = moments.covariance();
  const Eigen::MatrixXd weights = random_matrix(5, 3, 5).cast<double>();
  BackwardElimination elimination(covariance, weights, 0);
  double cost = elimination.cost({1, 3});
  elimination.remove({1, 3});
  const Eigen::MatrixXd fitted = fit_without(covariance, weights, {0, 2, 4}, 0);
  EXPECT_NEAR(cost, weights_error(covariance, weights, fitted), 1e-9);
  EXPECT_LT((elimination.weights() - fitted).norm(), 1e-9);
  cost += elimination.cost({0});
  EXPECT_NEAR(cost, weights_error(covariance, weights, fit_without(covariance, weights, {2, 4}, 0)), 1e-9);
}

}  // namespace
}  // namespace linnet

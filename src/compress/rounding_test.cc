#include "compress/rounding.h"

#include <gtest/gtest.h>

#include <random>

namespace linnet {
namespace {

using Eigen::MatrixXd;

MatrixXd random_matrix(int rows, int columns, unsigned seed) {
  std::mt19937 engine(seed);
  MatrixXd matrix(rows, columns);
  for (int c = 0; c < columns; ++c)
    for (int r = 0; r < rows; ++r)
      matrix(r, c) = static_cast<double>(engine()) / static_cast<double>(std::mt19937::max()) - 0.5;
  return matrix;
}

// Moments of inputs that depend on each other.
MatrixXd random_hessian(int depth, unsigned seed) {
  const MatrixXd inputs = random_matrix(3 * depth, depth, seed) +
                          random_matrix(3 * depth, 1, seed + 1) * MatrixXd::Ones(1, depth);
  return inputs.transpose() * inputs + 1e-3 * MatrixXd::Identity(depth, depth);
}

void expect_codes(const RoundedWeights& rounded) {
  for (int c = 0; c < rounded.codes.cols(); ++c) {
    EXPECT_EQ(rounded.codes.col(c).cwiseAbs().maxCoeff(), 127) << "channel " << c;
    EXPECT_EQ(rounded.codes.col(c), rounded.codes.col(c).array().round().matrix());
  }
}

TEST(Rounding, TheNearestCodesAreThoseOfTheLargestWeight) {
  MatrixXd weights(3, 2);
  weights << 1.27, 0, -0.504, 0, 0.0049, 0;
  const RoundedWeights rounded = round_to_nearest(weights);
  EXPECT_FLOAT_EQ(rounded.scales[0], 0.01f);
  EXPECT_EQ(rounded.codes.col(0), Eigen::Vector3f(127, -50, 0));
  EXPECT_EQ(rounded.codes.col(1), Eigen::Vector3f::Zero());
  EXPECT_NEAR(rounded.weights()(1, 0), -0.5, 1e-6);
}

TEST(Rounding, NeverErrsMoreThanTheNearest) {
  for (const int depth : {1, 2, 9, 40, 150}) {
    const MatrixXd hessian = random_hessian(depth, static_cast<unsigned>(depth));
    const MatrixXd weights = random_matrix(depth, 7, 99);
    const RoundedWeights learned = learn_rounding(hessian, weights);
    expect_codes(learned);
    for (int c = 0; c < 7; ++c)
      EXPECT_LE(
          rounding_error(hessian, weights.col(c), learned.weights().col(c)),
          rounding_error(hessian, weights.col(c), round_to_nearest(weights).weights().col(c)) * (1 + 1e-9))
          << "depth " << depth << " channel " << c;
  }
}

TEST(Rounding, GainsMuchWhereInputsDependOnEachOther) {
  const MatrixXd hessian = random_hessian(150, 5), weights = random_matrix(150, 20, 6);
  EXPECT_LT(rounding_error(hessian, weights, learn_rounding(hessian, weights).weights()),
            0.75 * rounding_error(hessian, weights, round_to_nearest(weights).weights()));
}

// No single code can move and make the error less.
TEST(Rounding, EndsInALocalMinimum) {
  const MatrixXd hessian = random_hessian(12, 3), weights = random_matrix(12, 1, 4);
  const RoundedWeights learned = learn_rounding(hessian, weights);
  const double least = rounding_error(hessian, weights, learned.weights());
  for (int k = 0; k < 12; ++k)
    for (const float step : {-1.0f, 1.0f}) {
      RoundedWeights other = learned;
      other.codes(k, 0) += step;
      if (std::abs(learned.codes(k, 0)) == 127) continue;
      EXPECT_GE(rounding_error(hessian, weights, other.weights()), least * (1 - 1e-9)) << k;
    }
}

}  // namespace
}  // namespace linnet

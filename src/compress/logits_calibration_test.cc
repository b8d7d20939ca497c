#include "compress/logits_calibration.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

namespace linnet {
namespace {

std::vector<size_t> rows_of(const LabelledLogits& data) {
  std::vector<size_t> rows(data.samples());
  std::iota(rows.begin(), rows.end(), size_t{0});
  return rows;
}

// Two classes that a logit of `margin` tells apart, right `right` times out of `count`.
LabelledLogits pairs(float margin, size_t right, size_t count) {
  LabelledLogits data{.classes = 2, .logits = {}, .truth = {}};
  for (size_t i = 0; i < count; ++i) {
    data.logits.insert(data.logits.end(), {margin, 0});
    data.truth.push_back(i < right ? 0 : 1);
  }
  return data;
}

// Samples of classes drawn by the softmax of `make(logits)`.
template <class Make>
LabelledLogits draw(size_t classes, size_t count, Make make) {
  std::mt19937 generator(5);
  std::normal_distribution<double> normal(0, 2);
  LabelledLogits data{.classes = classes, .logits = {}, .truth = {}};
  for (size_t i = 0; i < count; ++i) {
    std::vector<double> weights;
    for (size_t k = 0; k < classes; ++k) {
      const float logit = static_cast<float>(normal(generator));
      data.logits.push_back(logit);
      weights.push_back(std::exp(make(k, static_cast<double>(logit))));
    }
    std::discrete_distribution<uint32_t> of_weights(weights.begin(), weights.end());
    data.truth.push_back(of_weights(generator));
  }
  return data;
}

TEST(LogitsCalibration, TheScaleMakesConfidenceWhatIsRight) {
  // softmax([s m, 0]) = 3/4 where s m = ln 3.
  const LabelledLogits data = pairs(5, 75, 100);
  EXPECT_NEAR(fit_scale(data, rows_of(data)), std::log(3) / 5, 1e-9);
  // Too timid: the scale grows.
  const LabelledLogits timid = pairs(0.125f, 90, 100);
  EXPECT_NEAR(fit_scale(timid, rows_of(timid)), std::log(9) / 0.125, 1e-7);
}

TEST(LogitsCalibration, TheScaleHasBounds) {
  const LabelledLogits right = pairs(5, 10, 10), wrong = pairs(5, 0, 10);
  EXPECT_NEAR(fit_scale(right, rows_of(right)), 100, 1e-3);
  EXPECT_NEAR(fit_scale(wrong, rows_of(wrong)), 0.01, 1e-6);
}

TEST(LogitsCalibration, MeasuresByHand) {
  const LabelledLogits data = pairs(std::log(4.0f), 6, 10);
  const CalibrationQuality quality = measure_calibration(data, {});
  // 0.8 sure, 0.6 right.
  EXPECT_NEAR(quality.ece, 0.2, 1e-6);
  EXPECT_NEAR(quality.top1, 0.6, 1e-12);
  EXPECT_NEAR(quality.nll, -(6 * std::log(0.8) + 4 * std::log(0.2)) / 10, 1e-6);
  const CalibrationQuality better = measure_calibration(data, {{std::log(1.5) / std::log(4)}, {0}});
  EXPECT_NEAR(better.ece, 0, 1e-6);
  // Bins count apart: over- and underconfidence do not cancel.
  LabelledLogits both = pairs(std::log(4.0f), 6, 10);
  const LabelledLogits timid = pairs(std::log(1.5f), 8, 10);
  both.logits.insert(both.logits.end(), timid.logits.begin(), timid.logits.end());
  both.truth.insert(both.truth.end(), timid.truth.begin(), timid.truth.end());
  EXPECT_NEAR(measure_calibration(both, {}).ece, 0.2, 1e-6);
}

TEST(LogitsCalibration, AnAffineFitFindsTheOddsOfEachClass) {
  // Equal logits: without a penalty the biases become the logarithms of how often a class occurs.
  LabelledLogits data{.classes = 3, .logits = std::vector<float>(30), .truth = {}};
  for (uint32_t i = 0; i < 10; ++i) data.truth.push_back(i < 6 ? 0 : i < 9 ? 1 : 2);
  const LogitsCalibration found = fit_affine(data, rows_of(data), 1e-9);
  EXPECT_NEAR(found.bias[0] - found.bias[1], std::log(6.0 / 3), 1e-4);
  EXPECT_NEAR(found.bias[1] - found.bias[2], std::log(3.0 / 1), 1e-4);
  // A strong one leaves the temperature.
  const LogitsCalibration kept = fit_affine(data, rows_of(data), 1e6);
  for (double bias : kept.bias) EXPECT_NEAR(bias, 0, 1e-5);
  for (double scale : kept.scale) EXPECT_NEAR(scale, fit_scale(data, rows_of(data)), 1e-4);
}

TEST(LogitsCalibration, TemperatureIsFoundAgain) {
  const LabelledLogits data = draw(8, 4000, [](size_t, double logit) { return logit / 1.7; });
  size_t ticks = 0;
  const FittedCalibration fitted =
      calibrate_logits(data, CalibrationMethod::Temperature, 5, [&] { ++ticks; });
  EXPECT_NEAR(1 / fitted.calibration.scale[0], 1.7, 0.08);
  EXPECT_GT(fitted.before.ece, 0.1);
  EXPECT_LT(fitted.held_out.ece, 0.03);
  EXPECT_LT(fitted.held_out.nll, fitted.before.nll);
  EXPECT_EQ(fitted.held_out.top1, fitted.before.top1);
  EXPECT_EQ(ticks, calibration_steps(CalibrationMethod::Temperature, 5));
}

TEST(LogitsCalibration, AffineIsTakenWhereClassesDifferAndNotElsewhere) {
  const auto shifted = [](size_t k, double logit) { return logit + (k == 0 ? 2.0 : k == 1 ? -2.0 : 0.0); };
  const LabelledLogits unfair = draw(4, 1200, shifted);
  size_t ticks = 0;
  const FittedCalibration fitted = calibrate_logits(unfair, CalibrationMethod::Affine, 5, [&] { ++ticks; });
  EXPECT_EQ(ticks, calibration_steps(CalibrationMethod::Affine, 5));
  EXPECT_GT(fitted.strength, 0);
  EXPECT_NEAR(fitted.calibration.bias[0] - fitted.calibration.bias[1], 4, 0.8);
  EXPECT_GT(fitted.held_out.top1, fitted.before.top1 + 0.03);
  const FittedCalibration alone = calibrate_logits(unfair, CalibrationMethod::Temperature, 5, [] {});
  EXPECT_LT(fitted.held_out.nll, alone.held_out.nll - 0.1);

  // Few samples of many classes that are alike: nothing to learn for each.
  const LabelledLogits few = draw(40, 60, [](size_t, double logit) { return 0.5 * logit; });
  const FittedCalibration plain = calibrate_logits(few, CalibrationMethod::Affine, 5, [] {});
  const FittedCalibration scaled = calibrate_logits(few, CalibrationMethod::Temperature, 5, [] {});
  EXPECT_LT(plain.held_out.nll, scaled.held_out.nll + 0.02);
}

}  // namespace
}  // namespace linnet

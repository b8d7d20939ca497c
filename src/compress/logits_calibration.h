// Makes a classifier's probabilities as sure as it is right: calibration of logits on labelled samples (Guo,
// Pleiss, Sun and Weinberger 2017, On Calibration of Modern Neural Networks).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace linnet {

// Logits of samples whose classes are known, row by row.
struct LabelledLogits {
  size_t classes = 0;
  std::vector<float> logits;    // samples() rows of `classes`
  std::vector<uint32_t> truth;  // of each row, below `classes`

  size_t samples() const { return truth.size(); }
  std::span<const float> row(size_t i) const { return std::span(logits).subspan(i * classes, classes); }
};

// logit k becomes scale[k] * logit + bias[k]; either has one element for all classes, or one for each.
struct LogitsCalibration {
  std::vector<double> scale{1}, bias{0};
  double of(size_t k, double logit) const {
    return scale[scale.size() == 1 ? 0 : k] * logit + bias[bias.size() == 1 ? 0 : k];
  }
};

// How good probabilities are.
struct CalibrationQuality {
  double nll = 0;  // mean negative logarithm of the true class's probability, in nats
  // Expected calibration error: in 15 bins of equal width by the best class's probability, the mean distance
  // between that and how often it is right, weighted by the samples in a bin.
  double ece = 0;
  double top1 = 0;  // how often the best class is right
};

enum class CalibrationMethod {
  Temperature,  // one scale for all classes, which changes no answer
  // A scale and a bias for each class (vector scaling), drawn towards the temperature's by a penalty on
  // squared distances, whose strength cross-validation chooses; where that finds nothing better, the
  // temperature alone.
  Affine,
};

// Called after each of calibration_steps pieces of work.
using CalibrationTick = std::function<void()>;
size_t calibration_steps(CalibrationMethod method, size_t folds);

// The scale of least mean NLL, which is convex in it, within [0.01, 100]: the inverse temperature. Samples
// that are all right have none, and get the bound.
double fit_scale(const LabelledLogits& data, std::span<const size_t> rows);

// Scale and bias of each class, of the least sum over `rows` of the NLL plus `strength` times the sum over
// classes of (scale / common - 1)^2 + bias^2, where `common` is fit_scale's: a normal prior of variance 1 /
// (2 strength).
LogitsCalibration fit_affine(const LabelledLogits& data, std::span<const size_t> rows, double strength);

CalibrationQuality measure_calibration(const LabelledLogits& data, const LogitsCalibration& calibration);

struct FittedCalibration {
  LogitsCalibration calibration;  // fitted on all samples
  double strength = 0;            // the penalty's that was chosen; 0: the temperature alone
  // Without calibration; and of samples that a calibration has not seen, by those fitted on the other folds,
  // choice of the strength included.
  CalibrationQuality before, held_out;
};

// Fits on all samples, and tells what that is worth by cross-validation in 2 to samples() folds, into which
// samples fall by a fixed shuffle.
FittedCalibration calibrate_logits(const LabelledLogits& data, CalibrationMethod method, size_t folds,
                                   const CalibrationTick& tick);

}  // namespace linnet

#include "compress/logits_calibration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "compress/minimise.h"

namespace linnet {

namespace {

constexpr double kLeastScale = 0.01, kMostScale = 100;
constexpr size_t kBins = 15, kInnerFolds = 4;
constexpr int kMostSteps = 60;
constexpr double kTolerance = 1e-7;
// Penalties to choose among. The strongest leaves hardly more than the temperature.
constexpr std::array<double, 4> kStrengths{0.1, 1, 10, 100};

using Rows = std::vector<size_t>;

size_t best_of(std::span<const double> logits) {
  return static_cast<size_t>(std::ranges::max_element(logits) - logits.begin());
}

// Makes `logits` probabilities, and gives the logarithm of the sum that they were divided by.
double softmax(std::span<double> logits) {
  const double highest = *std::ranges::max_element(logits);
  double sum = 0;
  for (double& logit : logits) sum += logit = std::exp(logit - highest);
  for (double& logit : logits) logit /= sum;
  return highest + std::log(sum);
}

void calibrated_row(const LabelledLogits& data, size_t row, const LogitsCalibration& calibration,
                    std::vector<double>& out) {
  const std::span<const float> logits = data.row(row);
  out.resize(data.classes);
  for (size_t k = 0; k < out.size(); ++k) out[k] = calibration.of(k, static_cast<double>(logits[k]));
}

// The sums over samples that CalibrationQuality is made of.
class QualitySum {
 public:
  void add(const LabelledLogits& data, std::span<const size_t> rows, const LogitsCalibration& calibration) {
    std::vector<double> logits;
    for (const size_t row : rows) {
      calibrated_row(data, row, calibration, logits);
      const double of_truth = logits[data.truth[row]];
      const size_t best = best_of(logits);
      nll_ += softmax(logits) - of_truth;
      const double confidence = logits[best];
      const bool right = best == data.truth[row];
      Bin& bin = bins_[std::min(static_cast<size_t>(confidence * kBins), kBins - 1)];
      bin.confidence += confidence;
      bin.right += right;
      right_ += right;
      ++count_;
    }
  }
  CalibrationQuality quality() const {
    const double count = static_cast<double>(std::max(count_, size_t{1}));
    double distance = 0;
    for (const Bin& bin : bins_) distance += std::abs(bin.confidence - bin.right);
    return {nll_ / count, distance / count, right_ / count};
  }
  double nll() const { return nll_; }

 private:
  struct Bin {
    double confidence = 0, right = 0;
  };
  std::array<Bin, kBins> bins_{};
  double nll_ = 0, right_ = 0;
  size_t count_ = 0;
};

// The SplitMix64 generator's output function (Steele, Lea and Flood 2014).
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// All rows, shuffled in a fixed way, so that samples in the order of their classes make no folds of one
// class.
Rows all_rows(const LabelledLogits& data) {
  Rows rows(data.samples());
  std::iota(rows.begin(), rows.end(), size_t{0});
  std::ranges::sort(rows, {}, mix);
  return rows;
}

// Every folds-th of `rows` from `fold` on, and the others.
struct Split {
  Rows inside, outside;
};
Split split(std::span<const size_t> rows, size_t folds, size_t fold) {
  Split parts;
  for (size_t i = 0; i < rows.size(); ++i)
    (i % folds == fold ? parts.inside : parts.outside).push_back(rows[i]);
  return parts;
}

LogitsCalibration temperature(const LabelledLogits& data, std::span<const size_t> rows) {
  return {{fit_scale(data, rows)}, {0}};
}

struct Choice {
  LogitsCalibration calibration;
  double strength;
};

// The calibration of `rows`, its penalty chosen by cross-validation among them.
Choice choose_affine(const LabelledLogits& data, std::span<const size_t> rows, const CalibrationTick& tick) {
  const size_t folds = std::min(kInnerFolds, rows.size());
  double best_nll = std::numeric_limits<double>::infinity(), best = 0;
  for (size_t i = 0; i <= kStrengths.size(); ++i) {
    const double strength = i == 0 ? 0 : kStrengths[kStrengths.size() - i];
    QualitySum sum;
    for (size_t fold = 0; fold < folds; ++fold) {
      const Split parts = split(rows, folds, fold);
      sum.add(data, parts.inside,
              strength == 0 ? temperature(data, parts.outside) : fit_affine(data, parts.outside, strength));
      tick();
    }
    if (sum.nll() >= best_nll) continue;
    best_nll = sum.nll();
    best = strength;
  }
  return {best == 0 ? temperature(data, rows) : fit_affine(data, rows, best), best};
}

}  // namespace

size_t calibration_steps(CalibrationMethod method, size_t folds) {
  const size_t each = method == CalibrationMethod::Affine ? (kStrengths.size() + 1) * kInnerFolds : 1;
  return (folds + 1) * each;
}

double fit_scale(const LabelledLogits& data, std::span<const size_t> rows) {
  // The derivative of the NLL by the scale, and that by it again: the logits' mean less the true one, and
  // their variance. Newton's steps, kept within the bracket that the sign of the derivative leaves.
  double low = kLeastScale, high = kMostScale, scale = 1;
  std::vector<double> weights;
  for (int i = 0; i < 100; ++i) {
    double slope = 0, curvature = 0;
    for (const size_t row : rows) {
      calibrated_row(data, row, {{scale}, {0}}, weights);
      softmax(weights);
      const std::span<const float> logits = data.row(row);
      double mean = 0, square = 0;
      for (size_t k = 0; k < weights.size(); ++k) {
        const double logit = static_cast<double>(logits[k]);
        mean += weights[k] * logit;
        square += weights[k] * logit * logit;
      }
      slope += mean - static_cast<double>(logits[data.truth[row]]);
      curvature += square - mean * mean;
    }
    (slope > 0 ? high : low) = scale;
    double next = curvature > 0 ? scale - slope / curvature : std::sqrt(low * high);
    if (!(next > low && next < high)) next = std::sqrt(low * high);
    const double moved = std::abs(next - scale);
    scale = next;
    if (moved <= 1e-12 * scale) break;
  }
  return scale;
}

LogitsCalibration fit_affine(const LabelledLogits& data, std::span<const size_t> rows, double strength) {
  const size_t classes = data.classes;
  const double common = fit_scale(data, rows), count = static_cast<double>(rows.size());
  const double penalty = strength / count;
  // x: each class's scale by the common one, less 1; then each class's bias.
  const auto objective = [&](std::span<const double> x, std::span<double> gradient) {
    double value = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      value += penalty * x[i] * x[i];
      gradient[i] = 2 * penalty * x[i];
    }
    std::vector<double> out(classes);
    for (const size_t row : rows) {
      const std::span<const float> logits = data.row(row);
      for (size_t k = 0; k < classes; ++k)
        out[k] = common * (1 + x[k]) * static_cast<double>(logits[k]) + x[classes + k];
      const double of_truth = out[data.truth[row]];
      value += (softmax(out) - of_truth) / count;
      out[data.truth[row]] -= 1;
      for (size_t k = 0; k < classes; ++k) {
        gradient[k] += out[k] * common * static_cast<double>(logits[k]) / count;
        gradient[classes + k] += out[k] / count;
      }
    }
    return value;
  };
  std::vector<double> x(2 * classes);
  minimise(objective, x, kMostSteps, kTolerance);
  LogitsCalibration calibration{std::vector<double>(classes), std::vector<double>(classes)};
  for (size_t k = 0; k < classes; ++k) {
    calibration.scale[k] = common * (1 + x[k]);
    calibration.bias[k] = x[classes + k];
  }
  return calibration;
}

CalibrationQuality measure_calibration(const LabelledLogits& data, const LogitsCalibration& calibration) {
  QualitySum sum;
  sum.add(data, all_rows(data), calibration);
  return sum.quality();
}

FittedCalibration calibrate_logits(const LabelledLogits& data, CalibrationMethod method, size_t folds,
                                   const CalibrationTick& tick) {
  const auto fit = [&](std::span<const size_t> rows) -> Choice {
    if (method == CalibrationMethod::Affine) return choose_affine(data, rows, tick);
    Choice choice{temperature(data, rows), 0};
    tick();
    return choice;
  };
  const Rows rows = all_rows(data);
  QualitySum held_out;
  for (size_t fold = 0; fold < folds; ++fold) {
    const Split parts = split(rows, folds, fold);
    held_out.add(data, parts.inside, fit(parts.outside).calibration);
  }
  Choice choice = fit(rows);
  return {std::move(choice.calibration), choice.strength, measure_calibration(data, {}), held_out.quality()};
}

}  // namespace linnet

#include "live/selftest.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace linnet {
namespace {

uint32_t pcg(uint32_t value) {
  const uint32_t state = value * 747796405u + 2891336453u;
  const uint32_t word = ((state >> ((state >> 28) + 4)) ^ state) * 277803737u;
  return (word >> 22) ^ word;
}

bool all_finite(std::span<const float> values) {
  // A sum is not enough: infinities of both signs and large values would hide in it.
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

}  // namespace

float self_test_element(uint32_t seed, uint32_t input, uint32_t index) {
  return static_cast<float>(pcg(index + pcg(input + pcg(seed))) >> 8) * 0x1p-24f;
}

void fill_self_test_input(const SelfTestInput& spec, uint32_t input, uint32_t first, bool whole,
                          std::span<float> values) {
  const float span = spec.high - spec.low + (whole ? 1.0f : 0.0f);
  for (size_t i = 0; i < values.size(); ++i) {
    const float value =
        spec.low + span * self_test_element(spec.seed, input, first + static_cast<uint32_t>(i));
    // The sum may round up to what lies beyond.
    values[i] = std::min(whole ? std::floor(value) : value, spec.high);
  }
}

Difference compare_outputs(std::span<const float> expected, std::span<const float> actual, double range) {
  if (!all_finite(actual)) return {std::numeric_limits<double>::infinity(), false};
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  double difference = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double value = expected[i];
    low = std::min(low, value);
    high = std::max(high, value);
    difference = std::max(difference, std::abs(value - double{actual[i]}));
  }
  if (difference == 0) return {};
  if (range == 0) range = high - low;
  const double largest = std::max(std::abs(low), std::abs(high));
  return {difference / std::max({range, largest * 1e-3, 1e-30}), true};
}

double self_test_tolerance(Precision precision) {
  constexpr double tolerances[] = {1e-3, 2e-2, 5e-2};
  return tolerances[static_cast<int>(precision)];
}

bool SelfTest::declare(std::span<TestedOutput> outputs) {
  output_count_ = golden_count_ = 0;
  expects_ = false;
  if (outputs.empty() || outputs.size() > kMostOutputs) return false;
  size_t golden = 0;
  for (TestedOutput& output : outputs) {
    if (!(output.golden_range >= 0) || !std::isfinite(output.golden_range)) return false;
    if (output.golden_count > kMostGolden - golden) return false;
    golden += output.golden_count;
    output.samples = std::min(output.elements, static_cast<uint32_t>(kMostSamples / outputs.size()));
  }
  if (!all_finite({golden_.data(), golden})) return false;
  std::copy(outputs.begin(), outputs.end(), outputs_.begin());
  output_count_ = outputs.size();
  golden_count_ = golden;
  return true;
}

SelfTest::Outcome SelfTest::judge(Rung rung, Precision precision) {
  Outcome outcome{Verdict::Passed, 0, self_test_tolerance(precision)};
  const auto add = [&outcome](const Difference& difference) {
    outcome.error = std::max(outcome.error, difference.error);
    if (!difference.finite) outcome.verdict = Verdict::NotFinite;
    if (difference.error > outcome.tolerance && outcome.verdict == Verdict::Passed)
      outcome.verdict = Verdict::Wrong;
  };

  const bool compares = rung != Rung::Wasm && expects_;
  size_t at = 0;
  size_t golden_at = 0;
  for (size_t i = 0; i < output_count_; ++i) {
    const TestedOutput& output = outputs_[i];
    const std::span<const float> samples(samples_.data() + at, output.samples);
    // Compared with themselves, they only have to be finite.
    add(compare_outputs(compares ? std::span<const float>(expected_.data() + at, output.samples) : samples,
                        samples));
    add(compare_outputs({golden_.data() + golden_at, output.golden_count},
                        {golden_samples_.data() + golden_at, output.golden_count}, output.golden_range));
    at += output.samples;
    golden_at += output.golden_count;
  }
  if (rung == Rung::Wasm) {
    expects_ = outcome.verdict == Verdict::Passed;
    std::copy_n(samples_.begin(), at, expected_.begin());
  } else if (!compares && !has_golden() && outcome.verdict == Verdict::Passed) {
    outcome.verdict = Verdict::Unknown;
  }
  return outcome;
}

}  // namespace linnet

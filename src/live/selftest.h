// Whether a backend computes what it should: a deterministic input, and the comparison of what comes of it.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "live/rung.h"

namespace linnet {

// Element `index` of input `input` of the self-test with `seed`, evenly distributed from 0 to below 1 in
// steps of 2^-24: the PCG output permutation as a hash (Jarzynski and Olano 2020, "Hash Functions for GPU
// Rendering").
float self_test_element(uint32_t seed, uint32_t input, uint32_t index);

// The input of a self-test: evenly distributed numbers from `low` to `high`.
struct SelfTestInput {
  uint32_t seed = 0;
  float low = 0;
  float high = 1;
};

// Elements `first` and following of input `input`, whole numbers from `low` to `high` where `whole` says so.
void fill_self_test_input(const SelfTestInput& spec, uint32_t input, uint32_t first, bool whole,
                          std::span<float> values);

// How far `actual` is from `expected`, whose elements are all finite.
struct Difference {
  // The largest difference as a part of the range; infinite where `actual` is not finite somewhere.
  double error = 0;
  bool finite = true;
};

// `range` is the largest minus the smallest of all elements that the expected ones stand for; 0 takes those
// of `expected` itself. A range that is much smaller than the elements is widened to a thousandth of the
// largest, so that rounding in a constant output is no error.
Difference compare_outputs(std::span<const float> expected, std::span<const float> actual, double range = 0);

// The precision that a backend computes in, which says how exact it has to be.
enum class Precision : uint8_t { F32, F16, Int8 };

// The largest error allowed, as a part of the range.
double self_test_tolerance(Precision precision);

// One output of the model under test.
struct TestedOutput {
  uint32_t elements = 0;
  // How many of the golden answers are for this output, and the range of the whole output they were taken
  // from (0: their own range).
  uint32_t golden_count = 0;
  double golden_range = 0;
  // Set by SelfTest: how many of the elements are compared between rungs. Sample i is element i * elements /
  // samples.
  uint32_t samples = 0;
};

// The self-test of one model: samples of what WASM gave, and the golden answers that the model carries, where
// it does. Values of all outputs stand one output after another. Nothing is allocated: it is about 200 KB
// itself.
class SelfTest {
 public:
  static constexpr size_t kMostOutputs = 16;
  static constexpr size_t kMostSamples = 16384;
  static constexpr size_t kMostGolden = 256;

  enum class Verdict : uint8_t {
    Passed,
    // Too far from what was expected.
    Wrong,
    NotFinite,
    // There is nothing to compare with: no golden answers, and WASM gave none that are finite.
    Unknown,
  };
  struct Outcome {
    Verdict verdict = Verdict::Passed;
    // The largest error of any output, and what is allowed.
    double error = 0;
    double tolerance = 0;
  };

  // Where the host puts the golden answers before `declare`; and before `judge`, samples of a rung's outputs
  // and what it gave where the golden answers were taken.
  std::span<float> golden() { return golden_; }
  std::span<float> samples() { return samples_; }
  std::span<float> golden_samples() { return golden_samples_; }

  // Says what there is to compare, and sets the counts of samples. False where there are more outputs or
  // golden answers than fit, or golden answers or ranges that are not finite: then nothing is declared.
  bool declare(std::span<TestedOutput> outputs);
  bool has_golden() const { return golden_count_ > 0; }

  // Judges the samples. Those of WASM, where they pass, are what those of the other rungs are compared with.
  Outcome judge(Rung rung, Precision precision);

 private:
  std::array<TestedOutput, kMostOutputs> outputs_{};
  size_t output_count_ = 0;
  size_t golden_count_ = 0;
  bool expects_ = false;
  std::array<float, kMostSamples> samples_{};
  std::array<float, kMostSamples> expected_{};
  std::array<float, kMostGolden> golden_{};
  std::array<float, kMostGolden> golden_samples_{};
};

}  // namespace linnet

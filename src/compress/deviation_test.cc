#include "compress/deviation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "compress/random_samples.h"

namespace linnet {
namespace {

using namespace testing;

const char* kClassifier = "input %x: f32[1,3]\n%y = softmax(%x)\noutput %y";
const char* kOther = "input %x: f32[1,2,1]\n%y = elementwise(%x) {expr=relu($0)}\noutput %y";

TEST(Deviation, EstimatesTheDropByTheOriginalsProbabilities) {
  const ModelAnswers original{{0.6, 0.3, 0.1}, {0.2, 0.7, 0.1}};
  const ModelAnswers changed{{0.4, 0.5, 0.1}, {0.2, 0.7, 0.1}};
  const Deviation deviation = deviation_of(parse(kClassifier), original, changed, {});
  EXPECT_TRUE(deviation.classifies);
  EXPECT_DOUBLE_EQ(deviation.agreement, 0.5);
  EXPECT_NEAR(deviation.drop, 100 * (0.6 - 0.3) / 2, 1e-9);
  EXPECT_NEAR(deviation.divergence, (0.6 * std::log(0.6 / 0.4) + 0.3 * std::log(0.3 / 0.5)) / 2, 1e-9);
}

TEST(Deviation, CountsTheDropByLabels) {
  const ModelAnswers original{{0.6, 0.3, 0.1}, {0.2, 0.7, 0.1}};
  const ModelAnswers changed{{0.4, 0.5, 0.1}, {0.2, 0.7, 0.1}};
  EXPECT_EQ(deviation_of(parse(kClassifier), original, changed, std::vector<size_t>{0, 1}).drop, 50);
  EXPECT_EQ(deviation_of(parse(kClassifier), original, changed, std::vector<size_t>{1, 1}).drop, -50);
}

TEST(Deviation, MeasuresOtherModelsByTheirNoise) {
  const ModelAnswers original{{1, -1}, {1, -1}}, changed{{1.1, -1}, {1, -0.9}};
  const Deviation deviation = deviation_of(parse(kOther), original, changed, {});
  EXPECT_FALSE(deviation.classifies);
  EXPECT_NEAR(deviation.sqnr, 10 * std::log10(4 / 0.02), 1e-9);
  EXPECT_NEAR(deviation.drop, 100 * std::sqrt(0.02 / 4), 1e-9);
  EXPECT_EQ(deviation_of(parse(kOther), original, original, {}).drop, 0);
}

}  // namespace
}  // namespace linnet

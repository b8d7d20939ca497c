#include "compress/histogram.h"

#include <gtest/gtest.h>

#include <cmath>

namespace linnet {
namespace {

// `count` numbers spread evenly over [low, high].
std::vector<float> even(int count, float low, float high) {
  std::vector<float> values;
  for (int i = 0; i < count; ++i)
    values.push_back(low + (high - low) * (static_cast<float>(i) + 0.5f) / static_cast<float>(count));
  return values;
}

TEST(Histogram, CountsAndWeighsByChannel) {
  Histogram histogram(-1, 1, 4);
  const std::vector<float> values{-0.9f, 0.1f, 0.9f, 5.0f}, weights{1, 3};
  histogram.add(values, weights);
  EXPECT_EQ(histogram.counts(), (std::vector<double>{1, 0, 1, 2}));
  EXPECT_EQ(histogram.weights(), (std::vector<double>{1, 0, 3, 4}));
  EXPECT_EQ(histogram.count(), 4);
  EXPECT_DOUBLE_EQ(histogram.centre(0), -0.75);
}

TEST(Histogram, APercentileLeavesOutThatShareAtEachEnd) {
  Histogram histogram(0, 100, 1000);
  histogram.add(even(10'000, 0, 100));
  const ValueRange range = percentile_range(histogram, 0.05);
  EXPECT_NEAR(range.low, 5, 0.2);
  EXPECT_NEAR(range.high, 95, 0.2);
}

// Rounding to steps of s errs by s^2 / 12 in the mean.
TEST(Histogram, TheErrorOfAnEvenDistributionIsThatOfItsStep) {
  Histogram histogram(0, 127, 127 * 16);
  histogram.add(even(127 * 160, 0, 127));
  EXPECT_NEAR(range_error(histogram, {0, 127}), 1.0 / 12, 0.002);
  EXPECT_NEAR(range_error(histogram, {0, 254}), 4.0 / 12, 0.01);
  // Cut in half, x from 64 to 127 errs by x - 63.5: a third of the cube of 63.5, over 127.
  EXPECT_NEAR(range_error(histogram, {0, 63.5f}), std::pow(63.5, 3) / 3 / 127, 10);
  const ValueRange best = least_error_range(histogram);
  EXPECT_NEAR(best.high, 127, 2);
  EXPECT_EQ(best.low, 0);
}

TEST(Histogram, WeightsDecideWhatMayBeCut) {
  // Few elements are large. They count for nothing, or for much.
  std::vector<float> values = even(1000, 0, 1);
  values.push_back(10);
  std::vector<float> weights(1001, 1);
  weights.back() = 0;
  Histogram light(0, 10), heavy(0, 10);
  light.add(values, weights);
  weights.back() = 1000;
  heavy.add(values, weights);
  EXPECT_LE(least_error_range(light).high, 2.1f);
  EXPECT_GE(least_error_range(heavy).high, 9.8f);
}

TEST(Histogram, EntropyCutsTheTailOfAKnownDistribution) {
  // An exponential distribution of mean 0.1, and one element in ten thousand at 16.
  std::vector<float> values = even(20'000, 0, 1);
  for (float& value : values) value = -0.1f * std::log(value);
  values.push_back(15.99f);
  values.push_back(15.99f);
  Histogram histogram(0, 16);
  histogram.add(values);
  const ValueRange range = entropy_range(histogram);
  EXPECT_EQ(range.low, 0);
  EXPECT_LT(range.high, 4);
  EXPECT_GE(range.high, 0.3f);
  // An even distribution has nothing to cut.
  Histogram full(0, 16);
  full.add(even(20'480, 0, 16));
  EXPECT_GE(entropy_range(full).high, 15.5f);
}

}  // namespace
}  // namespace linnet

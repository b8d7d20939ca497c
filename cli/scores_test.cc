#include "cli/scores.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/half.h"

namespace linnet {
namespace {

TEST(Scores, ProbabilitiesStayAndLogitsGoThroughSoftmax) {
  const std::vector<double> probabilities = {0.25, 0.75, 0};
  EXPECT_EQ(to_probabilities(probabilities), probabilities);
  const auto softmax = to_probabilities(std::vector<double>{1000, 1000 + std::log(3), 1000});
  EXPECT_NEAR(softmax[0], 0.2, 1e-12);
  EXPECT_NEAR(softmax[1], 0.6, 1e-12);
  // The sum is 1, but no probability is below 0.
  EXPECT_NEAR(to_probabilities(std::vector<double>{-1, 2})[1], 1 / (1 + std::exp(-3)), 1e-12);
  EXPECT_TRUE(to_probabilities({}).empty());
}

TEST(Scores, TopAndRankAgree) {
  const std::vector<double> scores = {1, 5, 3, 5, -2};
  EXPECT_EQ(top_indices(scores, 3), (std::vector<size_t>{1, 3, 2}));
  EXPECT_EQ(top_indices(scores, 99), (std::vector<size_t>{1, 3, 2, 0, 4}));
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(rank_of(scores, top_indices(scores, 5)[i]), i);
}

TEST(Scores, Percentiles) {
  EXPECT_EQ(percentile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_EQ(percentile({4, 1, 3, 2, 5}, 0.5), 3);
  EXPECT_EQ(percentile({7}, 0.95), 7);
  EXPECT_DOUBLE_EQ(percentile({0, 10}, 0.95), 9.5);
  EXPECT_TRUE(std::isnan(percentile({}, 0.5)));
}

TEST(Scores, ReadsEveryType) {
  float f32 = 1.5f;
  uint16_t f16 = float_to_half(-2);
  int32_t i32 = -70000;
  int8_t i8 = -3;
  uint8_t u8 = 200;
  const auto read = [](DType dtype, void* data) {
    return element_at({dtype, {1}, static_cast<std::byte*>(data)}, 0);
  };
  EXPECT_EQ(read(DType::F32, &f32), 1.5);
  EXPECT_EQ(read(DType::F16, &f16), -2);
  EXPECT_EQ(read(DType::I32, &i32), -70000);
  EXPECT_EQ(read(DType::I8, &i8), -3);
  EXPECT_EQ(read(DType::U8, &u8), 200);
}

TEST(Scores, NotANumberIsAnError) {
  float values[2] = {0, NAN};
  const auto scores = read_scores({DType::F32, {1, 2}, reinterpret_cast<std::byte*>(values)});
  ASSERT_FALSE(scores);
  EXPECT_NE(std::string_view(scores.error().detail()).find("class 1"), std::string_view::npos);
}

}  // namespace
}  // namespace linnet

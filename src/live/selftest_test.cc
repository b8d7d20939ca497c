#include "live/selftest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

namespace linnet {
namespace {

using Verdict = SelfTest::Verdict;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(SelfTestInput, IsEvenAndAlwaysTheSame) {
  double sum = 0;
  for (uint32_t i = 0; i < 10'000; ++i) {
    const float value = self_test_element(3, 0, i);
    ASSERT_GE(value, 0.0f);
    ASSERT_LT(value, 1.0f);
    sum += double{value};
  }
  EXPECT_NEAR(sum / 10'000, 0.5, 0.01);
  EXPECT_NE(self_test_element(3, 0, 5), self_test_element(3, 1, 5));
  EXPECT_NE(self_test_element(3, 0, 5), self_test_element(4, 0, 5));
  // What models carry depends on these. Computed apart, by the formula.
  EXPECT_EQ(self_test_element(0u, 0, 0u), 0x1p-24f * 8379828.0f);
  EXPECT_EQ(self_test_element(7u, 1, 1000u), 0x1p-24f * 16124743.0f);
  EXPECT_EQ(self_test_element(4294967295u, 3, 4294967295u), 0x1p-24f * 786951.0f);
}

TEST(SelfTestInput, FillsInPiecesWithinItsRange) {
  const SelfTestInput spec{.seed = 5, .low = -2, .high = 3};
  std::vector<float> all(1000), part(300), whole(1000);
  fill_self_test_input(spec, 0, 0, false, all);
  fill_self_test_input(spec, 0, 600, false, part);
  EXPECT_TRUE(std::equal(part.begin(), part.end(), all.begin() + 600));
  EXPECT_GE(*std::min_element(all.begin(), all.end()), -2.0f);
  EXPECT_LE(*std::max_element(all.begin(), all.end()), 3.0f);
  fill_self_test_input(spec, 1, 0, true, whole);
  for (const float value : whole) ASSERT_EQ(value, std::round(value));
  EXPECT_EQ(*std::min_element(whole.begin(), whole.end()), -2.0f);
  EXPECT_EQ(*std::max_element(whole.begin(), whole.end()), 3.0f);
}

TEST(CompareOutputs, IsRelativeToTheRange) {
  const std::vector<float> expected = {-1, 0, 3};
  EXPECT_DOUBLE_EQ(compare_outputs(expected, std::vector<float>{-1, 1, 3}).error, 0.25);
  EXPECT_DOUBLE_EQ(compare_outputs(expected, std::vector<float>{-1, 1, 3}, 10).error, 0.1);
  EXPECT_EQ(compare_outputs(expected, expected).error, 0);
  EXPECT_EQ(compare_outputs({}, {}).error, 0);
}

TEST(CompareOutputs, AConstantOutputMayRound) {
  const std::vector<float> expected = {100, 100};
  EXPECT_LT(compare_outputs(expected, std::vector<float>{100.00001f, 100}).error, 1e-3);
  EXPECT_GT(compare_outputs(expected, std::vector<float>{101, 100}).error, 1);
  const std::vector<float> zeros = {0, 0};
  EXPECT_GT(compare_outputs(zeros, std::vector<float>{1e-6f, 0}).error, 1);
}

TEST(CompareOutputs, SeesWhatIsNotFinite) {
  for (const float value : {kNaN, kInfinity, -kInfinity}) {
    const Difference difference = compare_outputs(std::vector<float>{1, 2}, std::vector<float>{1, value});
    EXPECT_FALSE(difference.finite);
    EXPECT_TRUE(std::isinf(difference.error));
  }
}

struct SelfTestFixture : ::testing::Test {
  std::unique_ptr<SelfTest> test = std::make_unique<SelfTest>();

  SelfTest::Outcome judge(Rung rung, std::vector<float> samples, Precision precision = Precision::F32,
                          std::vector<float> golden = {}) {
    std::copy(samples.begin(), samples.end(), test->samples().begin());
    std::copy(golden.begin(), golden.end(), test->golden_samples().begin());
    return test->judge(rung, precision);
  }
};

TEST_F(SelfTestFixture, ComparesEachOutputInItsOwnRange) {
  TestedOutput outputs[] = {{.elements = 2}, {.elements = 2}};
  ASSERT_TRUE(test->declare(outputs));
  EXPECT_EQ(outputs[0].samples, 2u);
  EXPECT_EQ(judge(Rung::Wasm, {0, 1000, 0, 0.01f}).verdict, Verdict::Passed);
  EXPECT_EQ(judge(Rung::WebGpu, {0, 1000, 0, 0.01f}).verdict, Verdict::Passed);
  EXPECT_EQ(judge(Rung::WebGpu, {0, 1000.5f, 0, 0.01f}).verdict, Verdict::Passed);
  const SelfTest::Outcome wrong = judge(Rung::WebGpu, {0, 1000, 0.005f, 0.01f});
  EXPECT_EQ(wrong.verdict, Verdict::Wrong);
  EXPECT_NEAR(wrong.error, 0.5, 1e-6);
  EXPECT_EQ(wrong.tolerance, 1e-3);
}

TEST_F(SelfTestFixture, LessPrecisionIsAllowedMore) {
  TestedOutput outputs[] = {{.elements = 2}};
  ASSERT_TRUE(test->declare(outputs));
  judge(Rung::Wasm, {0, 1});
  EXPECT_EQ(judge(Rung::WebGl2, {0.01f, 1}, Precision::F32).verdict, Verdict::Wrong);
  EXPECT_EQ(judge(Rung::WebGl2, {0.01f, 1}, Precision::F16).verdict, Verdict::Passed);
  EXPECT_EQ(judge(Rung::WebGl2, {0.04f, 1}, Precision::F16).verdict, Verdict::Wrong);
  EXPECT_EQ(judge(Rung::WebGl2, {0.04f, 1}, Precision::Int8).verdict, Verdict::Passed);
}

TEST_F(SelfTestFixture, NothingToCompareWithIsNotEnough) {
  TestedOutput outputs[] = {{.elements = 1}};
  ASSERT_TRUE(test->declare(outputs));
  EXPECT_EQ(judge(Rung::WebGpu, {1}).verdict, Verdict::Unknown);
  EXPECT_EQ(judge(Rung::Wasm, {kNaN}).verdict, Verdict::NotFinite);
  EXPECT_EQ(judge(Rung::WebGpu, {1}).verdict, Verdict::Unknown);
  EXPECT_EQ(judge(Rung::WebGpu, {kInfinity}).verdict, Verdict::NotFinite);
}

TEST_F(SelfTestFixture, GoldenAnswersJudgeEveryRung) {
  test->golden()[0] = 2;
  TestedOutput outputs[] = {{.elements = 4, .golden_count = 1, .golden_range = 10}};
  ASSERT_TRUE(test->declare(outputs));
  EXPECT_TRUE(test->has_golden());
  EXPECT_EQ(judge(Rung::Wasm, {1, 2, 3, 4}, Precision::F32, {2.5f}).verdict, Verdict::Wrong);
  // WASM has failed, so its samples are not what the others have to give.
  EXPECT_EQ(judge(Rung::WebGpu, {4, 3, 2, 1}, Precision::F32, {2.001f}).verdict, Verdict::Passed);
  EXPECT_EQ(judge(Rung::WebGpu, {4, 3, 2, 1}, Precision::F32, {kNaN}).verdict, Verdict::NotFinite);
}

TEST_F(SelfTestFixture, RefusesWhatDoesNotFit) {
  std::vector<TestedOutput> many(SelfTest::kMostOutputs + 1, TestedOutput{.elements = 1});
  EXPECT_FALSE(test->declare(many));
  TestedOutput golden[] = {{.elements = 4, .golden_count = SelfTest::kMostGolden},
                           {.elements = 4, .golden_count = 1}};
  EXPECT_FALSE(test->declare(golden));
  TestedOutput range[] = {{.elements = 4, .golden_count = 1, .golden_range = double{kNaN}}};
  EXPECT_FALSE(test->declare(range));
  test->golden()[0] = kInfinity;
  TestedOutput infinite[] = {{.elements = 4, .golden_count = 1}};
  EXPECT_FALSE(test->declare(infinite));
  TestedOutput large[] = {{.elements = 0xffffffffu}, {.elements = 3}};
  EXPECT_TRUE(test->declare(large));
  EXPECT_EQ(large[0].samples, SelfTest::kMostSamples / 2);
}

}  // namespace
}  // namespace linnet

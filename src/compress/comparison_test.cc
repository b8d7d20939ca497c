#include "compress/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace linnet {
namespace {

std::vector<ObservedValue> values(const std::vector<std::tuple<const char*, Op, Shape>>& list) {
  std::vector<ObservedValue> out;
  for (const auto& [name, op, shape] : list) out.push_back({name, op, shape, false, out.size()});
  return out;
}

std::vector<std::tuple<size_t, size_t, bool>> pairs(const std::vector<ObservedValue>& first,
                                                    const std::vector<ObservedValue>& second) {
  std::vector<std::tuple<size_t, size_t, bool>> out;
  for (const ValueMatch& match : match_values(first, second))
    out.emplace_back(match.first, match.second, match.by_name);
  return out;
}
using Pairs = std::vector<std::tuple<size_t, size_t, bool>>;

const Shape kSmall{1, 4}, kLarge{1, 8};

TEST(MatchValues, ByNameAndShape) {
  const auto a = values({{"x", Op::conv2d, kSmall}, {"y", Op::conv2d, kSmall}, {"z", Op::pad, kSmall}});
  // Other ops under the same name still are the same value; another shape is not.
  const auto b = values({{"x", Op::matmul, kSmall}, {"z", Op::pad, kSmall}});
  EXPECT_EQ(pairs(a, b), (Pairs{{0, 0, true}, {2, 1, true}}));
  EXPECT_EQ(pairs(a, values({{"x", Op::conv2d, kLarge}})), Pairs{});
}

TEST(MatchValues, ByPlaceBetweenNames) {
  const auto a = values({{"a1", Op::conv2d, kSmall},
                         {"a2", Op::pad, kLarge},
                         {"m", Op::matmul, kSmall},
                         {"a3", Op::conv2d, kSmall}});
  const auto b = values({{"b1", Op::conv2d, kSmall},
                         {"b2", Op::softmax, kSmall},
                         {"m", Op::matmul, kSmall},
                         {"b3", Op::conv2d, kSmall},
                         {"b4", Op::pad, kLarge}});
  // a2 looks like b4, but they stand on different sides of m.
  EXPECT_EQ(pairs(a, b), (Pairs{{0, 0, false}, {2, 2, true}, {3, 3, false}}));
}

TEST(MatchValues, NamesOutOfOrderWin) {
  const auto a = values({{"p", Op::conv2d, kSmall}, {"q", Op::conv2d, kSmall}});
  const auto b = values({{"q", Op::conv2d, kSmall}, {"p", Op::conv2d, kSmall}});
  EXPECT_EQ(pairs(a, b), (Pairs{{0, 1, true}, {1, 0, true}}));
}

TEST(ErrorSum, AsWrittenByHand) {
  ErrorSum sum;
  sum.add(std::vector<float>{0, 3}, std::vector<float>{0, 4});
  sum.add(std::vector<float>{-1, 4}, std::vector<float>{-1, 2});
  EXPECT_EQ(sum.elements(), 4u);
  EXPECT_EQ(sum.max(), 2);
  EXPECT_EQ(sum.range(), 5);
  EXPECT_DOUBLE_EQ(sum.rms(), std::sqrt(5.0 / 4));
  EXPECT_DOUBLE_EQ(sum.relative(), std::sqrt(5.0 / 4) / 5);
  EXPECT_DOUBLE_EQ(sum.sqnr(), 10 * std::log10(26.0 / 5));
}

TEST(ErrorSum, WithoutAnError) {
  ErrorSum sum;
  EXPECT_EQ(sum.relative(), 0);
  sum.add(std::vector<float>{2, 2}, std::vector<float>{2, 2});
  EXPECT_EQ(sum.relative(), 0);
  EXPECT_EQ(sum.sqnr(), std::numeric_limits<double>::infinity());
  // A constant that is off has no range to be measured by.
  sum.add(std::vector<float>{2}, std::vector<float>{3});
  EXPECT_EQ(sum.relative(), std::numeric_limits<double>::infinity());
}

TEST(ErrorSum, CountsWhatIsNotFinite) {
  ErrorSum sum;
  sum.add(std::vector<float>{NAN, INFINITY, 1, 1, 1}, std::vector<float>{NAN, INFINITY, INFINITY, NAN, 1});
  EXPECT_EQ(sum.not_finite(), 2u);
  EXPECT_EQ(sum.elements(), 1u);
}

}  // namespace
}  // namespace linnet

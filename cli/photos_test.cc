#include "cli/photos.h"

#include <gtest/gtest.h>

namespace linnet {
namespace {

Answers answers_of(const std::vector<std::vector<double>>& scores) {
  Answers answers(scores.front().size());
  for (const auto& row : scores) answers.add({.scores = row, .ms = 1});
  return answers;
}

std::vector<Photo> photos_of(const std::vector<int64_t>& truth) {
  std::vector<Photo> photos;
  for (int64_t index : truth) photos.push_back({.file = "x.jpg", .truth = index, .label = {}});
  return photos;
}

TEST(Answers, RightWithinPlaces) {
  const Answers answers = answers_of({{0.1, 0.3, 0.2, 0.4, 0, -1, -2}});
  EXPECT_EQ(answers.best(0), 3);
  EXPECT_TRUE(answers.right(0, 3, 1));
  EXPECT_FALSE(answers.right(0, 1, 1));
  EXPECT_TRUE(answers.right(0, 1, 2));
  EXPECT_TRUE(answers.right(0, 4, 5));
  EXPECT_FALSE(answers.right(0, 5, 5));
}

TEST(Answers, DoNotCountTheBackground) {
  std::vector<double> scores(1001);
  scores[0] = 2;
  scores[1] = 1;
  const Answers answers = answers_of({scores});
  EXPECT_EQ(answers.best(0), -1);
  EXPECT_FALSE(answers.right(0, 0, 1));
  EXPECT_TRUE(answers.right(0, 0, 2));
}

TEST(Answers, ComparedPhotoByPhoto) {
  // Classes 0 0 1 1 against 0 1 1 0, of photos that show 0 0 0 1.
  const Answers first = answers_of({{1, 0}, {1, 0}, {0, 1}, {0, 1}});
  const Answers second = answers_of({{1, 0}, {0, 1}, {0, 1}, {1, 0}});
  const Paired counts = compare_top1(first, second, photos_of({0, 0, 0, 1}));
  EXPECT_EQ(counts.both, 1u);
  EXPECT_EQ(counts.only_first, 2u);
  EXPECT_EQ(counts.only_second, 0u);
  EXPECT_EQ(counts.neither, 1u);
  EXPECT_EQ(count_agreements(first, second), 2u);
}

}  // namespace
}  // namespace linnet

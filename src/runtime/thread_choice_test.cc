#include "runtime/thread_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

namespace linnet {
namespace {

constexpr double kAtOnce[] = {0};
constexpr double kThreeTimes[] = {0, 0.5, 2};

// Seconds of a run with `threads` threads: of run `run`, which begins at `time`.
struct Conditions {
  int threads;
  int run;
  double time;
};
using Machine = std::function<double(const Conditions&)>;

// The runs until the choice is final, with `pause` seconds between them: the number of threads of each.
std::vector<int> settle(ThreadChoice& choice, const Machine& machine, double pause = 0) {
  std::vector<int> tried;
  double time = 1000;
  for (int run = 0; run < 100'000 && !choice.settled(); ++run) {
    tried.push_back(choice.threads());
    const double seconds = machine({choice.threads(), run, time - 1000});
    choice.record(time, time + seconds);
    time += seconds + pause;
  }
  EXPECT_TRUE(choice.settled());
  return tried;
}

int chosen(int most, const Machine& machine, std::span<const double> checks = kAtOnce) {
  ThreadChoice choice(most, checks);
  settle(choice, machine);
  return choice.threads();
}

TEST(ThreadChoice, ObeysAGivenNumber) {
  for (const int threads : {1, 2, 7, 16}) {
    ThreadChoice choice(threads, {});
    EXPECT_TRUE(choice.settled());
    for (int run = 0; run < 20; ++run) choice.record(run, run + 0.1 * (run % 2));
    EXPECT_EQ(choice.threads(), threads);
  }
}

TEST(ThreadChoice, HasNothingToChooseFromOneThread) {
  EXPECT_TRUE(ThreadChoice(1, kAtOnce).settled());
  EXPECT_EQ(ThreadChoice(1, kAtOnce).threads(), 1);
}

TEST(ThreadChoice, KeepsItsThreadsInBounds) {
  EXPECT_EQ(ThreadChoice(0, kAtOnce).threads(), 1);
  EXPECT_EQ(ThreadChoice(1000, {}).threads(), ThreadPool::kMaxThreads);
  EXPECT_EQ(chosen(1000, [](const Conditions& c) { return 1.0 / c.threads; }), ThreadPool::kMaxThreads);
}

TEST(ThreadChoice, TakesTheFastest) {
  for (const int most : {2, 3, 4, 16})
    EXPECT_EQ(chosen(most, [](const Conditions& c) { return 0.02 / c.threads; }), most);
  EXPECT_EQ(chosen(4, [](const Conditions& c) { return 0.02 * c.threads; }), 1);
  EXPECT_EQ(chosen(4, [](const Conditions& c) { return c.threads == 2 ? 0.011 : 0.02; }), 2);
}

TEST(ThreadChoice, WantsAThreadToBeWorthIt) {
  EXPECT_EQ(chosen(2, [](const Conditions& c) { return c.threads == 1 ? 0.0200 : 0.0198; }), 1);
  EXPECT_EQ(chosen(2, [](const Conditions& c) { return c.threads == 1 ? 0.0200 : 0.0190; }), 2);
}

TEST(ThreadChoice, TakesFewRunsForACheck) {
  ThreadChoice two(2, kAtOnce);
  EXPECT_EQ(settle(two, [](const Conditions&) { return 0.02; }),
            (std::vector<int>{2, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2}));
  ThreadChoice four(4, kAtOnce);
  EXPECT_EQ(settle(four, [](const Conditions&) { return 0.02; }).size(), 1u + 3 * ThreadChoice::kRounds);
}

// The first run brings memory in; now and then something else runs in between.
TEST(ThreadChoice, IsNotFooledByOutliers) {
  for (int slow = 0; slow < 11; ++slow)
    for (int other = 0; other < 11; ++other) {
      const Machine machine = [=](const Conditions& c) {
        return c.run == slow || c.run == other ? 5.0 : 0.03 / c.threads;
      };
      EXPECT_EQ(chosen(2, machine), 2) << slow << ' ' << other;
    }
}

// A browser runs code slowly at first, and then that of all threads fast.
TEST(ThreadChoice, IsNotFooledByCodeThatGetsFaster) {
  for (int faster = 0; faster < 12; ++faster) {
    const auto slowness = [faster](const Conditions& c) { return c.run < faster ? 3 : 1; };
    EXPECT_EQ(chosen(2, [&](const Conditions& c) { return slowness(c) * 0.03 / c.threads; }), 2) << faster;
    EXPECT_EQ(chosen(2, [&](const Conditions& c) { return slowness(c) * 0.03 * c.threads; }), 1) << faster;
  }
}

// While the browser optimises code, it may leave one core only.
TEST(ThreadChoice, ChecksAgainLater) {
  for (const double pause : {0.0, 0.03}) {
    ThreadChoice choice(2, kThreeTimes);
    const Machine machine = [](const Conditions& c) {
      return c.time < 0.4 ? 0.004 * c.threads : 0.002 / c.threads;
    };
    const std::vector<int> tried = settle(choice, machine, pause);
    EXPECT_EQ(tried[11], 1);  // after the first check
    EXPECT_EQ(choice.threads(), 2);
    // Three checks of as many runs with each number, and the first run; the others used what was best.
    const auto alone = static_cast<size_t>(std::ranges::count(tried, 1));
    EXPECT_LT(alone, 500u);
    EXPECT_GT(tried.size() - alone, 3u * ThreadChoice::kRounds);
  }
}

TEST(ThreadChoice, SurvivesAClockThatStandsStill) {
  EXPECT_EQ(chosen(4, [](const Conditions&) { return 0.0; }), 1);
}

}  // namespace
}  // namespace linnet

#include "runtime/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/team.h"
#include "runtime/test_session.h"

namespace linnet {
namespace {

// What the threads saw of one job.
struct Seen {
  explicit Seen(uint32_t units) : units_done(units) {}
  std::vector<std::atomic<int>> units_done;
  std::atomic<int> bad_calls = 0;
  std::atomic<uint32_t> threads = 0;  // a bit for each
};

ThreadPool::Job job_of(Seen& seen, uint32_t chunk, int threads) {
  const auto task = [](void* context, Range range, int thread) {
    Seen& s = *static_cast<Seen*>(context);
    if (thread < 0 || range.begin >= range.end || range.end > s.units_done.size()) {
      ++s.bad_calls;
      return;
    }
    s.threads |= 1u << thread;
    for (uint32_t unit = range.begin; unit < range.end; ++unit) ++s.units_done[unit];
  };
  return {task, &seen, static_cast<uint32_t>(seen.units_done.size()), chunk, threads};
}

void expect_all_done_once(const Seen& seen, int threads) {
  for (size_t unit = 0; unit < seen.units_done.size(); ++unit)
    ASSERT_EQ(seen.units_done[unit], 1) << "unit " << unit << " of " << seen.units_done.size();
  EXPECT_EQ(seen.bad_calls, 0);
  EXPECT_EQ(seen.threads >> threads, 0u) << threads << " threads may take part";
}

TEST(ThreadPool, DoesEveryUnitOnce) {
  for (int size = 1; size <= 8; ++size) {
    const auto pool = ThreadPool::create(size);
    ASSERT_EQ(pool->size(), size);
    for (const uint32_t units : {0u, 1u, 2u, 3u, 7u, 8u, 9u, 64u, 1001u})
      for (const uint32_t chunk : {1u, 2u, 5u, 64u, 2000u})
        for (const int threads : {1, (size + 1) / 2, size}) {
          Seen seen(units);
          pool->run(job_of(seen, chunk, threads));
          expect_all_done_once(seen, threads);
        }
  }
}

// The job's writes are there for the owner, and the owner's for the next job.
TEST(ThreadPool, RunsManyJobsInTurn) {
  const auto pool = ThreadPool::create(4);
  std::vector<uint32_t> sums(97);
  const auto add_own_index = [](void* context, Range range, int) {
    auto& values = *static_cast<std::vector<uint32_t>*>(context);
    for (uint32_t i = range.begin; i < range.end; ++i) values[i] = values[i] + i + 1;
  };
  constexpr uint32_t kJobs = 400;
  for (uint32_t job = 0; job < kJobs; ++job) {
    // Another split each time, so that an element moves between threads.
    if (job % 50 == 0) pool->wake(4);
    pool->run({add_own_index, &sums, 90 + job % 8, 1 + job % 9, 2 + static_cast<int>(job % 3)});
    if (job % 50 == 20) pool->rest();
  }
  for (uint32_t i = 0; i < 90; ++i) ASSERT_EQ(sums[i], kJobs * (i + 1));
}

// Helpers that went to sleep between two jobs wake up for the second.
TEST(ThreadPool, WakesSleepingThreads) {
  const auto pool = ThreadPool::create(3);
  for (int round = 0; round < 3; ++round) {
    testing::meet(*pool);
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
}

TEST(ThreadPool, KeepsItsSizeInBounds) {
  EXPECT_EQ(ThreadPool::create(-3)->size(), 1);
  EXPECT_EQ(ThreadPool::create(0)->size(), 1);
  EXPECT_EQ(ThreadPool::create(1000)->size(), ThreadPool::kMaxThreads);
}

TEST(ThreadPool, ManyMayLiveAtOnce) {
  std::vector<std::unique_ptr<ThreadPool>> pools;
  for (int i = 0; i < 5; ++i) pools.push_back(ThreadPool::create(2));
  for (const auto& pool : pools) {
    Seen seen(10);
    pool->run(job_of(seen, 1, 2));
    expect_all_done_once(seen, 2);
  }
}

TEST(Team, NeedsNoHelperToBegin) {
  Team team;
  team.wake(4);
  for (const uint32_t units : {2u, 100u}) {
    Seen seen(units);
    team.run(job_of(seen, 1, 4));
    expect_all_done_once(seen, 1);
  }
  team.rest();
}

TEST(Team, LetsHelpersJoinWhileJobsRun) {
  Team team;
  std::vector<std::thread> helpers;
  for (int job = 0; job < 200; ++job) {
    if (job % 50 == 10) helpers.emplace_back([&team, index = job / 50 + 1] { team.help(index); });
    Seen seen(60);
    team.run(job_of(seen, 1 + job % 7, 5));
    expect_all_done_once(seen, 5);
  }
  team.stop();
  for (std::thread& helper : helpers) helper.join();
}

TEST(TeamDeathTest, StopsWhenAHelperHasFailed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto fail_between_jobs = [] {
    Team team;
    team.fail();
    Seen seen(8);
    team.run(job_of(seen, 1, 2));
  };
  EXPECT_DEATH(fail_between_jobs(), "failed_");
  // The helper ends inside its part of the job, and the owner, done with its own, waits for it.
  const auto fail_inside = [] {
    static Team team;
    static std::atomic<bool> claimed = false;
    std::thread([] { team.help(1); }).detach();
    const auto task = [](void*, Range, int thread) {
      if (thread == 0) return claimed.wait(false);
      claimed = true;
      claimed.notify_all();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      team.fail();
      std::this_thread::sleep_for(std::chrono::hours(1));
    };
    team.run({task, nullptr, 2, 1, 2});
  };
  EXPECT_DEATH(fail_inside(), "failed_");
}

}  // namespace
}  // namespace linnet

#include "runtime/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace linnet {
namespace {

// What the threads saw of one job.
struct Job {
  explicit Job(uint32_t units) : units_done(units) {}
  std::vector<std::atomic<int>> units_done;
  std::atomic<int> bad_threads = 0;
  std::atomic<uint32_t> threads_seen = 0;
  int size = 0;
};

void do_units(void* context, Range range, int thread) {
  Job& job = *static_cast<Job*>(context);
  if (thread < 0 || thread >= job.size || range.begin >= range.end) {
    ++job.bad_threads;
    return;
  }
  job.threads_seen |= 1u << thread;
  for (uint32_t unit = range.begin; unit < range.end; ++unit) ++job.units_done[unit];
}

TEST(ThreadPool, DoesEveryUnitOnce) {
  for (int size = 1; size <= 8; ++size) {
    const auto pool = ThreadPool::create(size);
    ASSERT_EQ(pool->size(), size);
    for (const uint32_t units : {0u, 1u, 2u, 3u, 7u, 8u, 9u, 64u, 1001u}) {
      Job job(units);
      job.size = size;
      pool->run(do_units, &job, units);
      for (uint32_t unit = 0; unit < units; ++unit)
        ASSERT_EQ(job.units_done[unit], 1)
            << "unit " << unit << " of " << units << ", " << size << " threads";
      EXPECT_EQ(job.bad_threads, 0);
      if (units >= static_cast<uint32_t>(size)) EXPECT_EQ(job.threads_seen, (1u << size) - 1) << units;
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
    const uint32_t units = 90 + job % 8;
    pool->run(add_own_index, &sums, units);
  }
  for (uint32_t i = 0; i < 90; ++i) ASSERT_EQ(sums[i], kJobs * (i + 1));
}

// Helpers that went to sleep between two jobs wake up for the second.
TEST(ThreadPool, WakesSleepingThreads) {
  const auto pool = ThreadPool::create(3);
  for (int round = 0; round < 3; ++round) {
    Job job(300);
    job.size = 3;
    pool->run(do_units, &job, 300);
    EXPECT_EQ(job.threads_seen, 7u);
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
    Job job(10);
    job.size = 2;
    pool->run(do_units, &job, 10);
    for (const auto& done : job.units_done) EXPECT_EQ(done, 1);
  }
}

}  // namespace
}  // namespace linnet

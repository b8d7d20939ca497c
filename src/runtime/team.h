// How the threads of a pool share jobs, whatever started them. One owner publishes jobs; helpers claim parts.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/thread_pool.h"

namespace linnet {

// All members but `help` and `fail` are the owner's.
class Team {
 public:
  static constexpr int kMaxThreads = ThreadPool::kMaxThreads;

  void wake(int threads);
  void rest();
  void run(const ThreadPool::Job& job);
  // Makes helpers return from `help`.
  void stop();

  // The life of helper `thread` (1 to kMaxThreads - 1): takes part in jobs until `stop`. May begin at any
  // time, or never.
  void help(int thread);
  // A helper ended inside a job. The owner stops by a CHECK once it waits for that helper.
  void fail();

 private:
  // What belongs to one thread. Aligned so that no two share a cache line, nor a pair of lines that is
  // fetched together.
  struct alignas(128) Member {
    // The job's epoch, and the units of this thread's share that nobody has claimed yet: the last ones. A
    // claim succeeds for the epoch that the claimer means only, and while units are left the job cannot end.
    // So whoever has claimed knows that the job it read is the one that runs.
    std::atomic<uint64_t> open = 0;
    std::atomic<uint32_t> parked = 0;  // 1: asleep on this word
  };

  void publish(const ThreadPool::Job& job);
  void ring(int threads);
  uint32_t take_part(int thread, uint32_t epoch);
  bool claim(int share, uint32_t epoch, Range* range);
  void await(uint32_t units);
  uint32_t next_epoch(int thread, uint32_t seen);
  void park(int thread, uint32_t seen);

  // What the owner writes, on lines that helpers only read. Helpers look at the epoch first and last.
  alignas(128) std::atomic<uint32_t> epoch_ = 0;  // counts jobs and calls of wake
  std::atomic<int> awake_ = 0;                    // helpers below it wait for the next job without sleeping
  std::atomic<int> threads_ = 1;
  std::atomic<uint32_t> units_ = 0;
  std::atomic<uint32_t> chunk_ = 1;
  std::atomic<ThreadPool::Task> task_ = nullptr;
  std::atomic<void*> context_ = nullptr;
  std::atomic<bool> stopping_ = false;

  alignas(128) std::atomic<uint32_t> finished_ = 0;  // units that helpers have done
  std::atomic<uint32_t> owner_parked_ = 0;
  std::atomic<bool> failed_ = false;

  Member members_[kMaxThreads];
};

}  // namespace linnet

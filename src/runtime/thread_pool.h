// Shares one kernel's units among threads. The owner's thread always takes part; helpers run kernels and
// nothing else.
#pragma once

#include <cstdint>
#include <memory>

#include "base/range.h"

namespace linnet {

class ThreadPool {
 public:
  // `task(context, range, thread)` with 0 <= thread < the job's threads.
  using Task = void (*)(void* context, Range range, int thread);

  struct Job {
    Task task;
    void* context;
    uint32_t units;
    uint32_t chunk;  // units to claim at once, at least 1
    int threads;     // that may take part, 1 to size()
  };

  // A pool of `threads` (at least 1, at most kMaxThreads), the caller's included.
  static std::unique_ptr<ThreadPool> create(int threads);
  virtual ~ThreadPool() = default;

  static constexpr int kMaxThreads = 16;
  virtual int size() const = 0;
  // Wakes the helpers of `threads` threads, which then stay awake until `rest`: for jobs that follow each
  // other. Optional, and may be called again. Both return at once.
  virtual void wake(int threads) = 0;
  virtual void rest() = 0;
  // Runs the job's task over [0, units) and returns when all is done. Each thread takes chunks of its own
  // even share first and then of the others', so that nobody waits for a helper that has not begun.
  // Allocates nothing.
  virtual void run(const Job& job) = 0;
};

}  // namespace linnet

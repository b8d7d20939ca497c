// Splits one kernel's units among threads. The owner's thread always takes part; helpers run kernels and
// nothing else.
#pragma once

#include <cstdint>
#include <memory>

#include "base/range.h"

namespace linnet {

class ThreadPool {
 public:
  // `task(context, range, thread)` with 0 <= thread < size().
  using Task = void (*)(void* context, Range range, int thread);

  // A pool of `threads` (at least 1, at most kMaxThreads), the caller's included.
  static std::unique_ptr<ThreadPool> create(int threads);
  virtual ~ThreadPool() = default;

  static constexpr int kMaxThreads = 16;
  virtual int size() const = 0;
  // Runs `task` over [0, units), split evenly, and returns when all is done. Allocates nothing.
  virtual void run(Task task, void* context, uint32_t units) = 0;
};

}  // namespace linnet

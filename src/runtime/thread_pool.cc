#include "runtime/thread_pool.h"

#include <algorithm>

#include "runtime/team.h"

#if !defined(__wasm__)
#include <thread>
#include <vector>
#endif

namespace linnet {

namespace {

// One thread: nothing to share.
class SingleThread final : public ThreadPool {
 public:
  int size() const override { return 1; }
  void wake(int) override {}
  void rest() override {}
  void run(const Job& job) override {
    if (job.units > 0) job.task(job.context, {0, job.units}, 0);
  }
};

#if !defined(__wasm__)

// Threads of its own.
class Threads final : public ThreadPool {
 public:
  explicit Threads(int size) {
    for (int i = 1; i < size; ++i) helpers_.emplace_back([this, i] { team_.help(i); });
  }
  ~Threads() override {
    team_.stop();
    for (std::thread& helper : helpers_) helper.join();
  }
  int size() const override { return static_cast<int>(helpers_.size()) + 1; }
  void wake(int threads) override { team_.wake(threads); }
  void rest() override { team_.rest(); }
  void run(const Job& job) override { team_.run(job); }

 private:
  Team team_;
  std::vector<std::thread> helpers_;
};

#elif defined(__wasm_atomics__)

// The host starts the threads: one worker for each helper, with its own instance of the module on the same
// memory, which calls helper_run. All pools of a memory share them; one pool runs at a time.
[[clang::no_destroy]] constinit Team team;

class Threads final : public ThreadPool {
 public:
  explicit Threads(int size) : size_(size) {}
  int size() const override { return size_; }
  void wake(int threads) override { team.wake(threads); }
  void rest() override { team.rest(); }
  void run(const Job& job) override { team.run(job); }

 private:
  const int size_;
};

#endif

}  // namespace

std::unique_ptr<ThreadPool> ThreadPool::create(int threads) {
#if !defined(__wasm__) || defined(__wasm_atomics__)
  if (threads > 1) return std::make_unique<Threads>(std::min(threads, kMaxThreads));
#else
  (void)threads;
#endif
  return std::make_unique<SingleThread>();
}

#if defined(__wasm_atomics__)

// `index` counts helpers from 1.
extern "C" __attribute__((export_name("helper_run"))) void linnet_helper_run(uint32_t index) {
  if (index >= 1 && index < Team::kMaxThreads) team.help(static_cast<int>(index));
}

extern "C" __attribute__((export_name("helper_failed"))) void linnet_helper_failed() {
  team.fail();
}

#endif

}  // namespace linnet

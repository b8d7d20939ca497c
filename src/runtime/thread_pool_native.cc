// The pool of native builds: threads that spin briefly between the steps of a run and sleep between runs.
#if !defined(__wasm__)

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "runtime/thread_pool.h"

namespace linnet {
namespace {

// Looks before sleeping: the gap between two steps is far shorter, the gap between two frames far longer.
constexpr int kSpins = 20'000;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

class NativePool final : public ThreadPool {
 public:
  explicit NativePool(int size) : size_(size) {
    for (int i = 1; i < size; ++i) helpers_.emplace_back([this, i] { help(i); });
  }

  ~NativePool() override {
    task_ = nullptr;
    epoch_.fetch_add(1);
    epoch_.notify_all();
    for (std::thread& helper : helpers_) helper.join();
  }

  int size() const override { return size_; }

  void run(Task task, void* context, uint32_t units) override {
    if (units == 0) return;
    if (units == 1 || size_ == 1) return task(context, {0, units}, 0);
    task_ = task;
    context_ = context;
    units_ = units;
    pending_.store(size_ - 1);
    epoch_.fetch_add(1);
    epoch_.notify_all();
    run_share(0);
    wait_until(pending_, [](uint32_t left) { return left == 0; });
  }

 private:
  void run_share(int thread) {
    const auto edge = [&](int index) {
      return static_cast<uint32_t>(uint64_t{units_} * static_cast<uint32_t>(index) /
                                   static_cast<uint32_t>(size_));
    };
    const Range range{edge(thread), edge(thread + 1)};
    if (range.begin < range.end) task_(context_, range, thread);
  }

  template <class Done>
  static uint32_t wait_until(const std::atomic<uint32_t>& word, Done done) {
    uint32_t value = word.load();
    for (int i = 0; i < kSpins && !done(value); ++i) {
      pause();
      value = word.load();
    }
    for (; !done(value); value = word.load()) word.wait(value);
    return value;
  }

  void help(int thread) {
    for (uint32_t seen = 0;;) {
      seen = wait_until(epoch_, [seen](uint32_t now) { return now != seen; });
      if (task_ == nullptr) return;
      run_share(thread);
      if (pending_.fetch_sub(1) == 1) pending_.notify_all();
    }
  }

  const int size_;
  std::vector<std::thread> helpers_;
  std::atomic<uint32_t> epoch_ = 0;    // counts jobs
  std::atomic<uint32_t> pending_ = 0;  // helpers that have not finished the job
  // The job: written before epoch_ changes, read after.
  Task task_ = nullptr;
  void* context_ = nullptr;
  uint32_t units_ = 0;
};

}  // namespace

std::unique_ptr<ThreadPool> ThreadPool::create(int threads) {
  return std::make_unique<NativePool>(std::clamp(threads, 1, kMaxThreads));
}

}  // namespace linnet

#endif  // !defined(__wasm__)

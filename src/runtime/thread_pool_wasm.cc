// The pool of the WebAssembly variants. There the host starts the threads: one worker per helper, each with
// its own instance of the module on the same memory, and each parked in `helper_run` before a session is
// made.
#if defined(__wasm__)

#include "base/result.h"
#include "runtime/thread_pool.h"

#if defined(__wasm_atomics__)
#include <atomic>
#endif

namespace linnet {
namespace {

class SingleThread final : public ThreadPool {
 public:
  int size() const override { return 1; }
  void run(Task task, void* context, uint32_t units) override {
    if (units > 0) task(context, {0, units}, 0);
  }
};

#if defined(__wasm_atomics__)

// How often to look before parking. A look costs a few nanoseconds and a wake-up a good part of a
// millisecond, so this covers the gaps between the steps of one run and not those between frames.
constexpr int kSpins = 50'000;

// What the owner and the helpers share. Each word that is waited for has a cache line of its own.
struct Team {
  alignas(64) std::atomic<int32_t> epoch = 0;    // counts jobs; a change tells helpers to look
  std::atomic<int32_t> parked = 0;               // helpers asleep on `epoch`
  alignas(64) std::atomic<int32_t> pending = 0;  // helpers that have not finished the job
  std::atomic<int32_t> owner_parked = 0;
  std::atomic<int32_t> failed = 0;
  alignas(64) std::atomic<int32_t> helpers = 0;  // that have arrived
  // The job: written before `epoch` changes, read after.
  ThreadPool::Task task = nullptr;
  void* context = nullptr;
  uint32_t units = 0;
  int threads = 1;
};

[[clang::no_destroy]] Team team;

constexpr int64_t kArrivalNanoseconds = 20'000'000'000;

// Sleeps until `word` is no longer `value`; may wake early. Gives wait32's answer.
int wait(std::atomic<int32_t>& word, int32_t value, int64_t nanoseconds = -1) {
  return __builtin_wasm_memory_atomic_wait32(reinterpret_cast<int32_t*>(&word), value, nanoseconds);
}

void wake(std::atomic<int32_t>& word) {
  __builtin_wasm_memory_atomic_notify(reinterpret_cast<int32_t*>(&word), 0xffffffffu);
}

// These stay out of line: an engine does not replace the running frame of an endless loop by optimised code,
// so what a helper's loop contains stays slow for ever, and what it calls does not.
[[gnu::noinline]] void run_share(int thread) {
  const uint64_t units = team.units;
  const auto edge = [&](int index) {
    return static_cast<uint32_t>(units * static_cast<uint32_t>(index) / static_cast<uint32_t>(team.threads));
  };
  const Range range = {edge(thread), edge(thread + 1)};
  if (range.begin < range.end) team.task(team.context, range, thread);
}

[[gnu::noinline]] bool spin_while(const std::atomic<int32_t>& word, int32_t value) {
  for (int i = 0; i < kSpins; ++i)
    if (word.load(std::memory_order_acquire) != value) return false;
  return true;
}

[[gnu::noinline]] int32_t next_epoch(int32_t seen) {
  while (spin_while(team.epoch, seen)) {
    // Sequentially consistent, as the owner's publication is: either it sees a helper parked, or the helper
    // sees the new epoch and wait32 returns at once.
    team.parked.fetch_add(1);
    wait(team.epoch, seen);
    team.parked.fetch_sub(1);
  }
  return team.epoch.load(std::memory_order_acquire);
}

[[gnu::noinline]] void finish_share() {
  if (team.pending.fetch_sub(1) == 1 && team.owner_parked.load() != 0) wake(team.pending);
}

[[gnu::noinline]] void await_helpers() {
  for (int32_t left = team.pending.load(); left != 0; left = team.pending.load()) {
    CHECK(team.failed.load() == 0);
    if (!spin_while(team.pending, left)) continue;
    team.owner_parked.store(1);
    if (team.failed.load() == 0) wait(team.pending, left);
    team.owner_parked.store(0);
  }
}

class Threads final : public ThreadPool {
 public:
  explicit Threads(int size) : size_(size) {}
  int size() const override { return size_; }

  void run(Task task, void* context, uint32_t units) override {
    if (units == 0) return;
    if (units == 1) return task(context, {0, 1}, 0);
    team.task = task;
    team.context = context;
    team.units = units;
    team.threads = size_;
    // All helpers of the team answer, also those beyond size_, so that none can still be reading a job when
    // the next one is written.
    team.pending.store(team.helpers.load(std::memory_order_relaxed));
    team.epoch.fetch_add(1);
    if (team.parked.load() != 0) wake(team.epoch);
    run_share(0);
    await_helpers();
  }

 private:
  int size_;
};

#endif

}  // namespace

std::unique_ptr<ThreadPool> ThreadPool::create(int threads) {
#if defined(__wasm_atomics__)
  // The host has started the helpers and said so; they may still be on their way. None may arrive once jobs
  // run.
  for (int32_t here = team.helpers.load(); here < threads - 1; here = team.helpers.load()) {
    const int timed_out = 2;
    CHECK(wait(team.helpers, here, kArrivalNanoseconds) != timed_out);
  }
  if (threads > 1) return std::make_unique<Threads>(threads);
#else
  (void)threads;
#endif
  return std::make_unique<SingleThread>();
}

#if defined(__wasm_atomics__)

// `index` counts helpers from 1.
extern "C" __attribute__((export_name("helper_run"))) void linnet_helper_run(uint32_t index) {
  int32_t seen = team.epoch.load();
  team.helpers.fetch_add(1);
  wake(team.helpers);
  for (;;) {
    seen = next_epoch(seen);
    if (static_cast<int>(index) < team.threads) run_share(static_cast<int>(index));
    finish_share();
  }
}

extern "C" __attribute__((export_name("helper_failed"))) void linnet_helper_failed() {
  team.failed.store(1);
  wake(team.pending);
}

#endif

}  // namespace linnet

#endif  // defined(__wasm__)

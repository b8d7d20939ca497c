#include "runtime/team.h"

#include <algorithm>

#include "base/result.h"
#include "runtime/parking.h"

namespace linnet {

namespace {

// Looks at a word before sleeping on it: some twenty microseconds, less than waking up takes.
#if defined(__wasm__)
constexpr int kLooks = 16'000;
#else
constexpr int kLooks = 1'000;
#endif
// Rounds of so many looks that a helper waits between `wake` and `rest` before it sleeps all the same.
constexpr int kMostRounds = 500;

// The first unit of a thread's share; the end of the share before it.
uint32_t share_begin(uint32_t units, int share, int threads) {
  return static_cast<uint32_t>(uint64_t{units} * static_cast<uint32_t>(share) /
                               static_cast<uint32_t>(threads));
}

bool changes_soon(const std::atomic<uint32_t>& word, uint32_t value) {
  for (int i = 0; i < kLooks; ++i) {
    if (word.load(std::memory_order_acquire) != value) return true;
    relax();
  }
  return false;
}

}  // namespace

// A JavaScript engine does not replace the running frame of an endless loop by optimised code: what a
// helper's loop contains stays slow for ever, and what it calls does not. Hence `noinline` below.

void Team::wake(int threads) {
  awake_.store(threads, std::memory_order_relaxed);
  epoch_.fetch_add(1);
  ring(threads);
}

void Team::rest() {
  awake_.store(0, std::memory_order_relaxed);
}

void Team::run(const ThreadPool::Job& job) {
  CHECK(!failed_.load(std::memory_order_relaxed));
  if (job.threads <= 1 || job.units <= job.chunk) {
    if (job.units > 0) job.task(job.context, {0, job.units}, 0);
    return;
  }
  publish(job);
  const uint32_t own = take_part(0, epoch_.load(std::memory_order_relaxed));
  await(job.units - own);
}

void Team::publish(const ThreadPool::Job& job) {
  // The job before has ended, so nobody reads these but helpers whose claims fail.
  task_.store(job.task, std::memory_order_relaxed);
  context_.store(job.context, std::memory_order_relaxed);
  units_.store(job.units, std::memory_order_relaxed);
  chunk_.store(std::max(job.chunk, 1u), std::memory_order_relaxed);
  threads_.store(job.threads, std::memory_order_relaxed);
  finished_.store(0, std::memory_order_relaxed);
  const uint32_t epoch = epoch_.load(std::memory_order_relaxed) + 1;
  for (int i = 0; i < job.threads; ++i) {
    const uint32_t units =
        share_begin(job.units, i + 1, job.threads) - share_begin(job.units, i, job.threads);
    members_[i].open.store(uint64_t{epoch} << 32 | units, std::memory_order_relaxed);
  }
  // Sequentially consistent, as parking is: either the owner sees that a helper sleeps, or the helper sees
  // the epoch before it does.
  epoch_.store(epoch);
  ring(job.threads);
}

void Team::ring(int threads) {
  for (int i = 1; i < threads; ++i) {
    std::atomic<uint32_t>& parked = members_[i].parked;
    if (parked.load() != 0 && parked.exchange(0) != 0) wake_all_on(parked);
  }
}

[[gnu::noinline]] uint32_t Team::take_part(int thread, uint32_t epoch) {
  const int threads = threads_.load(std::memory_order_relaxed);
  if (thread >= threads) return 0;
  uint32_t done = 0;
  for (int i = 0; i < threads; ++i) {
    Range range;
    while (claim((thread + i) % threads, epoch, &range)) {
      task_.load(std::memory_order_relaxed)(context_.load(std::memory_order_relaxed), range, thread);
      done += range.end - range.begin;
    }
  }
  return done;
}

bool Team::claim(int share, uint32_t epoch, Range* range) {
  std::atomic<uint64_t>& open = members_[share].open;
  const uint32_t chunk = chunk_.load(std::memory_order_relaxed);
  uint64_t word = open.load(std::memory_order_relaxed);
  uint32_t left, taken;
  do {
    left = static_cast<uint32_t>(word);
    if (word >> 32 != epoch || left == 0) return false;
    taken = std::min(left, chunk);
  } while (
      !open.compare_exchange_weak(word, word - taken, std::memory_order_acquire, std::memory_order_relaxed));
  const uint32_t end = share_begin(units_.load(std::memory_order_relaxed), share + 1,
                                   threads_.load(std::memory_order_relaxed));
  *range = {end - left, end - left + taken};
  return true;
}

[[gnu::noinline]] void Team::await(uint32_t units) {
  for (uint32_t done = finished_.load(); done != units; done = finished_.load()) {
    CHECK(!failed_.load());
    if (changes_soon(finished_, done)) continue;
    owner_parked_.store(1);
    sleep_on(finished_, done);
    owner_parked_.store(0);
  }
}

void Team::fail() {
  failed_.store(true);
  // No count of units is that large, so that the owner, which may be about to sleep, will look again.
  constexpr uint32_t kOutOfRange = 1u << 31;
  finished_.fetch_or(kOutOfRange);
  wake_all_on(finished_);
}

void Team::stop() {
  stopping_.store(true);
  epoch_.fetch_add(1);
  ring(kMaxThreads);
}

void Team::help(int thread) {
  for (uint32_t seen = epoch_.load();;) {
    if (stopping_.load(std::memory_order_relaxed)) return;
    if (const uint32_t done = take_part(thread, seen); done != 0) {
      finished_.fetch_add(done);
      if (owner_parked_.load() != 0) wake_all_on(finished_);
    }
    seen = next_epoch(thread, seen);
  }
}

[[gnu::noinline]] uint32_t Team::next_epoch(int thread, uint32_t seen) {
  for (int rounds = 1; !changes_soon(epoch_, seen); ++rounds) {
    if (thread < awake_.load(std::memory_order_relaxed) && rounds < kMostRounds) {
      give_way();
    } else {
      park(thread, seen);
      rounds = 0;
    }
  }
  return epoch_.load(std::memory_order_acquire);
}

void Team::park(int thread, uint32_t seen) {
  std::atomic<uint32_t>& parked = members_[thread].parked;
  parked.store(1);
  if (epoch_.load() == seen) sleep_on(parked, 1);
  parked.store(0);
}

}  // namespace linnet

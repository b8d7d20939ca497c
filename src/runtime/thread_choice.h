// How many threads run a model fastest on this machine, found from the times of its own first runs.
#pragma once

#include <array>
#include <span>

#include "runtime/thread_pool.h"

namespace linnet {

// Tries 1, 2, 4 ... and the most threads in rounds, and compares times of the same round: what else changes
// meanwhile (code that the host optimises, clocks, other work) meets all of them. Chooses the fewest that are
// as good as the best. Allocates nothing.
class ThreadChoice {
 public:
  static constexpr int kRounds = 5;

  // From 1 to `most` threads. `checks` says when to measure, in seconds since the first run, ascending, and
  // outlives this; with none it is always `most`. The first run is not measured: it brings memory in.
  ThreadChoice(int most, std::span<const double> checks);

  // For the next run.
  int threads() const { return counts_[static_cast<size_t>(next_)]; }
  // Has it measured for the last time? Then `threads` stays the same.
  bool settled() const { return checks_.empty(); }
  // A run with threads() threads began and ended so many seconds after some fixed time.
  void record(double begin, double end);

 private:
  static constexpr int kMostCandidates = 6;

  // The median over the rounds of its time by the first candidate's in the same round.
  double relative_time(int candidate) const;
  int fastest() const;

  std::span<const double> checks_;             // those to come, or going on
  std::array<int, kMostCandidates> counts_{};  // of threads, ascending
  int candidates_ = 0;
  int next_ = 0;  // candidate
  double first_begin_ = -1;
  bool measuring_ = false;
  int round_ = 0, turn_ = 0;
  std::array<std::array<double, kRounds>, kMostCandidates> seconds_{};
};

}  // namespace linnet

// The peaks of one core of this machine, measured: for what has a clock of its own.
#pragma once

#include <time.h>

#include <algorithm>

#include "bench/peaks.h"

namespace linnet {

inline double seconds_now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// The most that `loop` does in a nanosecond, of what it counts and gives: the best of a fifth of a second.
template <class Loop>
double best_speed(Loop loop) {
  double best = 0;
  for (const double end = seconds_now() + 0.2; seconds_now() < end;) {
    const double start = seconds_now(), done = loop();
    best = std::max(best, 1e-9 * done / (seconds_now() - start));
  }
  return best;
}

inline constexpr int32_t kPeakRounds = 200'000;

// GFLOP/s in fused multiply-adds.
inline double measure_fma_peak() {
  volatile float sink = 0;
  return best_speed([&] {
    sink = fma_rounds(kPeakRounds, sink);
    return fma_operations(kPeakRounds);
  });
}

// Gop/s in int8 dot products; 0 where the target has no loop.
inline double measure_dot_peak() {
  volatile int32_t sink = 0;
  return best_speed([&] {
    sink = dot_rounds(kPeakRounds, sink);
    return dot_operations(kPeakRounds);
  });
}

}  // namespace linnet

// Robust statistics over the latest durations.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace linnet {

// The latest `kCapacity` durations in milliseconds, and their quantiles at any time. Adding one takes a step
// per kept duration and allocates nothing.
template <size_t kCapacity>
class LatencyWindow {
 public:
  // Negative, infinite and undefined durations are left out: clocks can jump.
  void add(double milliseconds) {
    if (!(milliseconds >= 0) || !std::isfinite(milliseconds)) return;
    double* end = sorted_.data() + count_;
    if (count_ == kCapacity) {
      double* oldest = std::lower_bound(sorted_.data(), end, latest_[next_]);
      std::copy(oldest + 1, end, oldest);
      --end;
    } else {
      ++count_;
    }
    double* place = std::upper_bound(sorted_.data(), end, milliseconds);
    std::copy_backward(place, end, end + 1);
    *place = milliseconds;
    latest_[next_] = milliseconds;
    next_ = (next_ + 1) % kCapacity;
  }

  void clear() { count_ = next_ = 0; }
  size_t count() const { return count_; }
  bool full() const { return count_ == kCapacity; }

  // The smallest kept duration that at least `part` of the kept ones do not exceed (nearest rank), `part`
  // from 0 to 1. 0 while there is none.
  double quantile(double part) const {
    if (count_ == 0) return 0;
    const double rank = std::ceil(part * static_cast<double>(count_));
    const size_t index = rank < 1 ? 0 : static_cast<size_t>(rank) - 1;
    return sorted_[std::min(index, count_ - 1)];
  }
  double median() const { return quantile(0.5); }
  double fastest() const { return quantile(0); }

 private:
  std::array<double, kCapacity> sorted_{};
  std::array<double, kCapacity> latest_{};
  size_t count_ = 0;
  size_t next_ = 0;
};

}  // namespace linnet

#include "runtime/thread_choice.h"

#include <algorithm>

namespace linnet {

namespace {

// More threads must save at least this part of the time: they cost energy, and others may want them.
constexpr double kLeastGain = 0.03;

}  // namespace

ThreadChoice::ThreadChoice(int most, std::span<const double> checks) : checks_(checks) {
  most = std::clamp(most, 1, ThreadPool::kMaxThreads);
  if (most == 1) checks_ = {};
  if (!checks_.empty())
    for (int count = 1; count < most; count *= 2) counts_[static_cast<size_t>(candidates_++)] = count;
  next_ = candidates_;
  counts_[static_cast<size_t>(candidates_++)] = most;
}

void ThreadChoice::record(double begin, double end) {
  if (settled()) return;
  if (measuring_) {
    const double seconds = std::max(end - begin, 1e-9);  // the clock may be coarse
    seconds_[static_cast<size_t>(next_)][static_cast<size_t>(round_)] = seconds;
    if (++turn_ == candidates_) {
      turn_ = 0;
      ++round_;
    }
    if (round_ == kRounds) {
      measuring_ = false;
      next_ = fastest();
      checks_ = checks_.subspan(1);
      return;
    }
  } else {
    if (first_begin_ < 0) first_begin_ = begin;
    if (end - first_begin_ < checks_[0]) return;
    measuring_ = true;
    round_ = turn_ = 0;
  }
  // Every other round goes the other way.
  next_ = round_ % 2 == 0 ? turn_ : candidates_ - 1 - turn_;
}

double ThreadChoice::relative_time(int candidate) const {
  std::array<double, kRounds> ratios;
  for (size_t i = 0; i < ratios.size(); ++i) {
    const double ratio = seconds_[static_cast<size_t>(candidate)][i] / seconds_[0][i];
    // std::sort would be 2 KB of the page's WebAssembly.
    size_t place = i;
    for (; place > 0 && ratios[place - 1] > ratio; --place) ratios[place] = ratios[place - 1];
    ratios[place] = ratio;
  }
  return ratios[kRounds / 2];
}

int ThreadChoice::fastest() const {
  int best = 0;
  for (int i = 1; i < candidates_; ++i)
    if (relative_time(i) < (1 - kLeastGain) * relative_time(best)) best = i;
  return best;
}

}  // namespace linnet

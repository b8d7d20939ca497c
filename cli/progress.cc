#include "cli/progress.h"

#include <unistd.h>

#include <cstdio>

namespace linnet {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::milliseconds kRedraw{100}, kPlainLine{5000};
constexpr size_t kWidth = 30;

}  // namespace

Progress::Progress(std::string what, size_t total)
    : what_(std::move(what)),
      total_(total),
      terminal_(isatty(STDERR_FILENO) == 1),
      start_(steady_clock::now()),
      drawn_(start_) {
  if (terminal_) draw();
}

Progress::~Progress() {
  if (terminal_) std::fputs("\r\x1b[K", stderr);
}

void Progress::step() {
  ++done_;
  const auto now = steady_clock::now();
  if (now - drawn_ < (terminal_ ? kRedraw : kPlainLine)) return;
  drawn_ = now;
  if (terminal_) {
    draw();
  } else {
    std::fprintf(stderr, "%zu of %zu %s\n", done_, total_, what_.c_str());
  }
}

void Progress::draw() const {
  const size_t filled = total_ == 0 ? kWidth : done_ * kWidth / total_;
  const std::string bar = std::string(filled, '#') + std::string(kWidth - filled, '.');
  std::fprintf(stderr, "\r[%s] %zu of %zu %s", bar.c_str(), done_, total_, what_.c_str());
  if (done_ != 0 && done_ < total_) {
    const double passed = std::chrono::duration<double>(steady_clock::now() - start_).count();
    std::fprintf(stderr, ", %.0f s left",
                 passed / static_cast<double>(done_) * static_cast<double>(total_ - done_));
  }
  std::fputs("\x1b[K", stderr);
}

}  // namespace linnet

// How far long work has come, on stderr.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace linnet {

// A bar where stderr is a terminal; elsewhere a line every few seconds, so that short work says nothing.
class Progress {
 public:
  // `what` is a noun in the plural: "images".
  Progress(std::string what, size_t total);
  // Removes the bar.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void step();

 private:
  void draw() const;

  std::string what_;
  size_t total_;
  size_t done_ = 0;
  bool terminal_;
  std::chrono::steady_clock::time_point start_, drawn_;
};

}  // namespace linnet

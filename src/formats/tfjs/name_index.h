// Names to positions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace linnet {

// Filled once, then sorted once, then searched. The names' characters belong to somebody else.
class NameIndex {
 public:
  void add(std::string_view name, size_t position) { entries_.push_back({name, position}); }

  // Sorts. A name that was added twice, or nothing.
  std::string_view sort() {
    std::sort(entries_.begin(), entries_.end());
    for (size_t i = 1; i < entries_.size(); ++i)
      if (entries_[i].first == entries_[i - 1].first) return entries_[i].first;
    return {};
  }

  // The position of `name`, or SIZE_MAX.
  size_t find(std::string_view name) const {
    const auto at =
        std::lower_bound(entries_.begin(), entries_.end(), name,
                         [](const auto& entry, std::string_view wanted) { return entry.first < wanted; });
    return at != entries_.end() && at->first == name ? at->second : SIZE_MAX;
  }

 private:
  std::vector<std::pair<std::string_view, size_t>> entries_;
};

}  // namespace linnet

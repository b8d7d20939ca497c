// Names to positions.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>

namespace linnet {

// The names' characters belong to somebody else.
class NameIndex {
 public:
  // A name that is there already keeps its position.
  void add(std::string_view name, size_t position) {
    if (!positions_.emplace(name, position).second) twice_ = name;
  }

  // A name that was added twice, or nothing.
  std::string_view twice() const { return twice_; }

  // The position of `name`, or SIZE_MAX.
  size_t find(std::string_view name) const {
    const auto at = positions_.find(name);
    return at != positions_.end() ? at->second : SIZE_MAX;
  }

 private:
  std::map<std::string_view, size_t> positions_;
  std::string_view twice_;
};

}  // namespace linnet

// A half-open run of work units.
#pragma once

#include <cstdint>

namespace linnet {

struct Range {
  uint32_t begin;
  uint32_t end;
};

}  // namespace linnet

// Counts the module's heap, so that a host can prove that a stretch of work allocated nothing.
#pragma once

#include <cstdint>

namespace linnet::abi {

// Every allocation of the program goes through here.
struct HeapCount {
  uint64_t allocations = 0;  // ever made; a realloc counts as one
  uint64_t live_blocks = 0;
  uint64_t live_bytes = 0;  // as the allocator rounded them
  uint64_t peak_bytes = 0;  // the most that were alive
};

const HeapCount& heap_count();

}  // namespace linnet::abi

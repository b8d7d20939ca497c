#include "abi/heap.h"

#include <malloc.h>

#include <cstddef>

namespace linnet::abi {
namespace {

HeapCount count;

void* added(void* block) {
  if (block == nullptr) return nullptr;
  ++count.allocations;
  ++count.live_blocks;
  count.live_bytes += malloc_usable_size(block);
  if (count.live_bytes > count.peak_bytes) count.peak_bytes = count.live_bytes;
  return block;
}

void removed(void* block) {
  if (block == nullptr) return;
  --count.live_blocks;
  count.live_bytes -= malloc_usable_size(block);
}

}  // namespace

const HeapCount& heap_count() {
  return count;
}

}  // namespace linnet::abi

extern "C" {
void* __real_malloc(size_t bytes);
void* __real_calloc(size_t count, size_t bytes);
void* __real_realloc(void* block, size_t bytes);
void* __real_aligned_alloc(size_t alignment, size_t bytes);
int __real_posix_memalign(void** block, size_t alignment, size_t bytes);
void __real_free(void* block);

void* __wrap_malloc(size_t bytes) {
  return linnet::abi::added(__real_malloc(bytes));
}

void* __wrap_calloc(size_t count, size_t bytes) {
  return linnet::abi::added(__real_calloc(count, bytes));
}

void* __wrap_realloc(void* block, size_t bytes) {
  linnet::abi::removed(block);
  void* moved = __real_realloc(block, bytes);
  if (moved == nullptr && block != nullptr && bytes > 0) {
    linnet::abi::added(block);  // a failed realloc leaves the block as it was
    return nullptr;
  }
  return linnet::abi::added(moved);
}

void* __wrap_aligned_alloc(size_t alignment, size_t bytes) {
  return linnet::abi::added(__real_aligned_alloc(alignment, bytes));
}

int __wrap_posix_memalign(void** block, size_t alignment, size_t bytes) {
  const int failed = __real_posix_memalign(block, alignment, bytes);
  if (failed == 0) linnet::abi::added(*block);
  return failed;
}

void __wrap_free(void* block) {
  linnet::abi::removed(block);
  __real_free(block);
}
}

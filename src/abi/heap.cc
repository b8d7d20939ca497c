// The C library's allocation functions, over base/allocator: they count, and are a third of the library's own
// in size. As those in Debian's wasi-libc, they are not thread-safe: only the owner's thread allocates.
#include "abi/heap.h"

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/allocator.h"

extern std::byte __heap_base;  // the linker's: where its own data ends

namespace linnet::abi {
namespace {

constexpr size_t kPageBytes = 65536;
// One less than 4 GiB, whose end would have no address.
constexpr size_t kMaxPages = 65535;

constinit Allocator allocator;
constinit HeapCount count;

std::byte* end_of_memory() {
  return reinterpret_cast<std::byte*>(__builtin_wasm_memory_size(0) * kPageBytes);
}

// False where the memory cannot grow.
bool grow(size_t bytes, size_t alignment) {
  allocator.extend(&__heap_base, end_of_memory());
  const uint64_t pages = (allocator.missing(bytes, alignment) + kPageBytes - 1) / kPageBytes;
  if (pages > kMaxPages - __builtin_wasm_memory_size(0) ||
      __builtin_wasm_memory_grow(0, static_cast<size_t>(pages)) == SIZE_MAX)
    return false;
  allocator.extend(&__heap_base, end_of_memory());
  return true;
}

void* allocate(size_t bytes, size_t alignment) {
  void* block = allocator.allocate(bytes, alignment);
  if (block == nullptr && grow(bytes, alignment)) block = allocator.allocate(bytes, alignment);
  if (block == nullptr) return nullptr;
  ++count.allocations;
  ++count.live_blocks;
  count.live_bytes += Allocator::size_of(block);
  if (count.live_bytes > count.peak_bytes) count.peak_bytes = count.live_bytes;
  return block;
}

void release(void* block) {
  if (block == nullptr) return;
  --count.live_blocks;
  count.live_bytes -= Allocator::size_of(block);
  allocator.release(block);
}

}  // namespace

const HeapCount& heap_count() {
  return count;
}

}  // namespace linnet::abi

extern "C" {
void* malloc(size_t bytes) {
  return linnet::abi::allocate(bytes, linnet::Allocator::kAlignment);
}

void free(void* block) {
  linnet::abi::release(block);
}

void* calloc(size_t count, size_t bytes) {
  size_t product;
  void* block = __builtin_mul_overflow(count, bytes, &product) ? nullptr : malloc(product);
  if (block != nullptr) std::memset(block, 0, product);
  return block;
}

void* realloc(void* block, size_t bytes) {
  if (block == nullptr) return malloc(bytes);
  const size_t before = linnet::Allocator::size_of(block);
  void* moved = malloc(bytes);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, block, before < bytes ? before : bytes);
  free(block);
  return moved;
}

void* aligned_alloc(size_t alignment, size_t bytes) {
  return linnet::abi::allocate(bytes, alignment);
}

int posix_memalign(void** block, size_t alignment, size_t bytes) {
  *block = aligned_alloc(alignment, bytes);
  return *block == nullptr ? ENOMEM : 0;
}

// One instruction of WebAssembly each; the library's are loops.
void* memcpy(void* to, const void* from, size_t bytes) {
  return __builtin_memcpy(to, from, bytes);
}

void* memmove(void* to, const void* from, size_t bytes) {
  return __builtin_memmove(to, from, bytes);
}

void* memset(void* to, int value, size_t bytes) {
  return __builtin_memset(to, value, bytes);
}
}

// A small general-purpose allocator over one region of memory that can grow at its end: what the WebAssembly
// modules allocate with.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace linnet {

// Best fit with boundary tags (Knuth, The Art of Computer Programming, vol. 1, 2.5): blocks know the sizes of
// their neighbours, so a released block joins those that are free. Free blocks hang in lists by size. It is
// not thread-safe. A block released twice, or one whose header was overwritten, ends the program where that
// shows.
class Allocator {
 public:
  static constexpr size_t kAlignment = 16;

  // Gives the allocator the memory up to `end`: from `begin` the first time, from its end of before after
  // that. `begin` counts only the first time. At most 4 GiB in all; less than 32 bytes more are left unused.
  void extend(std::byte* begin, std::byte* end);

  // `bytes` bytes at a multiple of `alignment`, a power of two. nullptr where no free block is large enough:
  // then extend() by missing(), if there is memory to be had.
  void* allocate(size_t bytes, size_t alignment = kAlignment);

  // By how many bytes to extend so that allocate() succeeds. `bytes` is at most 4 GiB.
  uint64_t missing(size_t bytes, size_t alignment = kAlignment) const;

  // `block` may be nullptr.
  void release(void* block);

  // The bytes that `block` can hold: at least what was asked for.
  static size_t size_of(const void* block);

 private:
  // Stands before each block; blocks follow each other without gaps. Offsets count from `base_`, and none is
  // 0.
  struct Header {
    uint32_t size;         // with this header, a multiple of kAlignment; kUsed is its lowest bit
    uint32_t size_before;  // of the block before this one, 0 for the first
    uint32_t next;         // in the list of free blocks; in use, this is where the caller's bytes begin
    uint32_t previous;
  };
  static constexpr uint32_t kUsed = 1;
  static constexpr uint32_t kHeaderBytes = 8;  // next and previous are there in free blocks alone
  // Four bins for each power of two.
  static constexpr size_t kBins = 4 * 28;

  static size_t bin_of(uint32_t size);
  static uint64_t whole_size(size_t bytes);
  Header& at(uint32_t offset) const { return *reinterpret_cast<Header*>(base_ + offset); }
  uint32_t offset_of(const void* block) const;
  void insert(uint32_t offset, uint32_t size);
  void unlink(uint32_t offset);
  void cut(uint32_t offset, uint32_t size);
  void set_size(uint32_t offset, uint32_t size, uint32_t used);

  std::byte* base_ = nullptr;
  uint32_t end_ = 0;  // offset of the header that ends the region, a block in use without content
  std::array<uint32_t, kBins> bins_{};
};

}  // namespace linnet

#include "base/allocator.h"

#include <bit>

#include "base/result.h"

namespace linnet {

size_t Allocator::bin_of(uint32_t size) {
  const uint32_t units = size / kAlignment;
  const auto log = static_cast<uint32_t>(std::bit_width(units)) - 1;
  const uint32_t quarter = (log < 2 ? units << (2 - log) : units >> (log - 2)) & 3;
  return log * 4 + quarter;
}

// With the header, rounded up.
uint64_t Allocator::whole_size(size_t bytes) {
  return (static_cast<uint64_t>(bytes) + kHeaderBytes + kAlignment - 1) / kAlignment * kAlignment;
}

uint32_t Allocator::offset_of(const void* block) const {
  const auto offset = static_cast<uint32_t>(static_cast<const std::byte*>(block) - base_) - kHeaderBytes;
  CHECK((at(offset).size & kUsed) != 0);
  return offset;
}

void Allocator::set_size(uint32_t offset, uint32_t size, uint32_t used) {
  at(offset).size = size | used;
  at(offset + size).size_before = size;
}

void Allocator::insert(uint32_t offset, uint32_t size) {
  set_size(offset, size, 0);
  uint32_t& first = bins_[bin_of(size)];
  at(offset).next = first;
  at(offset).previous = 0;
  if (first != 0) at(first).previous = offset;
  first = offset;
}

void Allocator::unlink(uint32_t offset) {
  const Header& block = at(offset);
  (block.previous != 0 ? at(block.previous).next : bins_[bin_of(block.size)]) = block.next;
  if (block.next != 0) at(block.next).previous = block.previous;
}

// Leaves `size` bytes to the block in use, and frees the rest.
void Allocator::cut(uint32_t offset, uint32_t size) {
  const uint32_t rest = (at(offset).size & ~kUsed) - size;
  if (rest == 0) return;
  set_size(offset, size, kUsed);
  set_size(offset + size, rest, kUsed);
  release(base_ + offset + size + kHeaderBytes);
}

void Allocator::extend(std::byte* begin, std::byte* end) {
  if (base_ == nullptr) {
    if (reinterpret_cast<uintptr_t>(end) - reinterpret_cast<uintptr_t>(begin) < 2 * kAlignment) return;
    base_ = begin + (-reinterpret_cast<uintptr_t>(begin) & (kAlignment - 1));
    // Callers' bytes are aligned, and headers stand before them.
    end_ = kAlignment - kHeaderBytes;
    at(end_).size_before = 0;
  }
  // As addresses: a difference of pointers has a sign, and 32 bits on wasm32.
  const uint64_t bytes = reinterpret_cast<uintptr_t>(end) - reinterpret_cast<uintptr_t>(base_);
  CHECK(bytes <= UINT64_C(1) << 32);
  // The last header has only its first two fields.
  const auto last = static_cast<uint32_t>(bytes / kAlignment * kAlignment - kHeaderBytes);
  if (last <= end_) return;
  const uint32_t added = end_;
  end_ = last;
  set_size(added, last - added, kUsed);
  at(last).size = kUsed;
  release(base_ + added + kHeaderBytes);
}

void* Allocator::allocate(size_t bytes, size_t alignment) {
  if (bytes > end_) return nullptr;
  const uint64_t size = whole_size(bytes);
  const uint64_t needed = size + (alignment > kAlignment ? alignment - kAlignment : 0);
  if (needed > end_) return nullptr;
  uint32_t best = 0;
  for (size_t bin = bin_of(static_cast<uint32_t>(needed)); bin < kBins && best == 0; ++bin) {
    for (uint32_t offset = bins_[bin]; offset != 0; offset = at(offset).next) {
      if (at(offset).size < needed || (best != 0 && at(best).size <= at(offset).size)) continue;
      best = offset;
      if (at(best).size == needed) break;
    }
  }
  if (best == 0) return nullptr;
  unlink(best);
  const uint32_t found = at(best).size;
  const auto address = reinterpret_cast<uintptr_t>(base_ + best + kHeaderBytes);
  const auto before = static_cast<uint32_t>(-address & (alignment - 1));
  if (before > 0) {
    insert(best, before);
    best += before;
  }
  set_size(best, found - before, kUsed);
  cut(best, static_cast<uint32_t>(size));
  return base_ + best + kHeaderBytes;
}

uint64_t Allocator::missing(size_t bytes, size_t alignment) const {
  // Rounding the region's ends takes less than the second term.
  uint64_t needed = whole_size(bytes) + 2 * kAlignment + (alignment > kAlignment ? alignment : 0);
  if (end_ == 0) return needed;
  const uint32_t before = at(end_).size_before;
  if (before != 0 && (at(end_ - before).size & kUsed) == 0) needed -= before < needed ? before : needed;
  return needed;
}

void Allocator::release(void* block) {
  if (block == nullptr) return;
  uint32_t offset = offset_of(block);
  uint32_t size = at(offset).size & ~kUsed;
  at(offset).size = 0;  // shows that it is free, should it become the inside of a larger block
  if (const Header& next = at(offset + size); (next.size & kUsed) == 0) {
    unlink(offset + size);
    size += next.size;
  }
  if (const uint32_t before = at(offset).size_before;
      before != 0 && (at(offset - before).size & kUsed) == 0) {
    offset -= before;
    unlink(offset);
    size += before;
  }
  insert(offset, size);
}

size_t Allocator::size_of(const void* block) {
  const auto* header = reinterpret_cast<const Header*>(static_cast<const std::byte*>(block) - kHeaderBytes);
  return (header->size & ~kUsed) - kHeaderBytes;
}

}  // namespace linnet

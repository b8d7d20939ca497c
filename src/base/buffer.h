// An owned, aligned run of bytes whose allocation can fail without an exception.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"

namespace linnet {

// Every tensor starts at a multiple of this: a cache line, and the widest vector.
inline constexpr size_t kTensorAlignment = 64;

// Kernels over bytes may read so many past the end of a tensor, and use none of them.
inline constexpr size_t kReadSlack = 64;

constexpr uint64_t align_up(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

class Buffer {
 public:
  Buffer() = default;
  // `bytes` bytes at kTensorAlignment, their content undefined. Fails with OutOfMemory.
  static Result<Buffer> allocate(uint64_t bytes);
  // A copy of `source`.
  static Result<Buffer> copy_of(std::span<const std::byte> source);

  std::byte* data() { return data_.get(); }
  const std::byte* data() const { return data_.get(); }
  size_t size() const { return size_; }
  std::span<std::byte> bytes() { return {data_.get(), size_}; }
  std::span<const std::byte> bytes() const { return {data_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  std::unique_ptr<std::byte[], Free> data_;
  size_t size_ = 0;
};

}  // namespace linnet

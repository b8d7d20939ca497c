// Tells apart bytes that come in pieces; no protection against who wants them to look the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace linnet {

// 64-bit FNV-1a, eight bytes at a time. It does not depend on how the bytes are cut into pieces.
class Digest {
 public:
  void add(std::span<const std::byte> bytes) {
    for (; count_ % 8 == 0 && bytes.size() >= 8; bytes = bytes.subspan(8), count_ += 8) {
      uint64_t word;
      std::memcpy(&word, bytes.data(), 8);
      state_ = mixed(word);
    }
    for (const std::byte byte : bytes) {
      word_ |= static_cast<uint64_t>(byte) << (8 * (count_++ % 8));
      if (count_ % 8 != 0) continue;
      state_ = mixed(word_);
      word_ = 0;
    }
  }
  uint64_t value() const { return Digest(mixed(word_)).mixed(count_); }

  Digest() = default;

 private:
  explicit Digest(uint64_t state) : state_(state) {}
  // The multiplication alone would leave the low bits to low bits.
  uint64_t mixed(uint64_t word) const {
    const uint64_t product = (state_ ^ word) * 0x100000001b3u;
    return product ^ (product >> 32);
  }

  uint64_t state_ = 0xcbf29ce484222325u;
  uint64_t word_ = 0;
  uint64_t count_ = 0;
};

}  // namespace linnet

// Memory of the host, outside of the engine's own, for bytes that wait there until they are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"

namespace linnet {

// A block of it, which goes with the object.
class HostBlock {
 public:
  // Makes one, of at least one byte. Fails with OutOfMemory.
  using Allocate = Result<std::unique_ptr<HostBlock>> (*)(uint64_t bytes);

  // `number`: by which the host knows it.
  explicit HostBlock(uint32_t number) : number_(number) {}
  virtual ~HostBlock() = default;
  uint32_t number() const { return number_; }
  // Writes from byte `at`; what is written lies within the block.
  virtual void write(uint64_t at, std::span<const std::byte> bytes) = 0;
  // The whole block, into as many bytes.
  virtual void read(std::byte* into) const = 0;

 private:
  const uint32_t number_;
};

}  // namespace linnet

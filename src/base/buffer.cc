#include "base/buffer.h"

#include <cstdlib>
#include <cstring>

namespace linnet {

void Buffer::Free::operator()(std::byte* p) const {
  std::free(p);
}

Result<Buffer> Buffer::allocate(uint64_t bytes) {
  const uint64_t rounded = align_up(bytes > 0 ? bytes : 1, kTensorAlignment);
  void* memory = rounded >= bytes && rounded <= PTRDIFF_MAX
                     ? std::aligned_alloc(kTensorAlignment, static_cast<size_t>(rounded))
                     : nullptr;
  if (memory == nullptr)
    return fail(ErrorCode::OutOfMemory, "could not allocate %llu bytes",
                static_cast<unsigned long long>(bytes));
  Buffer buffer;
  buffer.data_.reset(static_cast<std::byte*>(memory));
  buffer.size_ = static_cast<size_t>(bytes);
  return buffer;
}

Result<Buffer> Buffer::copy_of(std::span<const std::byte> source) {
  TRY_ASSIGN(Buffer buffer, allocate(source.size()));
  if (!source.empty()) std::memcpy(buffer.data(), source.data(), source.size());
  return buffer;
}

}  // namespace linnet

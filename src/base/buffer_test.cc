#include "base/buffer.h"

#include <gtest/gtest.h>

#include <cstring>

namespace linnet {
namespace {

TEST(Buffer, IsAlignedAndWritable) {
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{1}, uint64_t{63}, uint64_t{64}, uint64_t{1000}}) {
    auto buffer = Buffer::allocate(bytes);
    ASSERT_TRUE(buffer);
    EXPECT_EQ(buffer->size(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % kTensorAlignment, 0u);
    std::memset(buffer->data(), 1, bytes);
  }
}

TEST(Buffer, CopiesBytes) {
  const char source[] = "seven";
  auto buffer = Buffer::copy_of(std::as_bytes(std::span(source)));
  ASSERT_TRUE(buffer);
  ASSERT_EQ(buffer->size(), sizeof source);
  EXPECT_EQ(std::memcmp(buffer->data(), source, sizeof source), 0);
}

// Sizes near the end of the address space must not wrap around to small ones.
TEST(Buffer, FailsForWhatNoMemoryHolds) {
  for (const uint64_t bytes : {UINT64_MAX, UINT64_MAX - 62, uint64_t{1} << 63, uint64_t{PTRDIFF_MAX}}) {
    const auto buffer = Buffer::allocate(bytes);
    ASSERT_FALSE(buffer) << bytes;
    EXPECT_EQ(buffer.error().code(), ErrorCode::OutOfMemory);
    EXPECT_EQ(buffer.error().detail(), "could not allocate " + std::to_string(bytes) + " bytes");
  }
}

TEST(Buffer, AlignUpGivesTheNextMultiple) {
  EXPECT_EQ(align_up(0, 64), 0u);
  EXPECT_EQ(align_up(1, 64), 64u);
  EXPECT_EQ(align_up(64, 64), 64u);
  EXPECT_EQ(align_up(65, 16), 80u);
}

}  // namespace
}  // namespace linnet

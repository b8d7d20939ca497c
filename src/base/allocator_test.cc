#include "base/allocator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

namespace linnet {
namespace {

constexpr size_t kRegionBytes = 1 << 20;

class AllocatorTest : public testing::Test {
 protected:
  // One more byte, so that the region begins off any alignment.
  std::vector<std::byte> region_ = std::vector<std::byte>(kRegionBytes + 1);
  std::byte* begin_ = region_.data() + 1;
  std::byte* end_ = begin_ + kRegionBytes;
};

TEST_F(AllocatorTest, HasNothingBeforeItIsGivenMemory) {
  Allocator allocator;
  EXPECT_EQ(allocator.allocate(1), nullptr);
  allocator.release(nullptr);
  allocator.extend(begin_, begin_ + 16);
  EXPECT_EQ(allocator.allocate(1), nullptr);
}

TEST_F(AllocatorTest, RefusesWhatDoesNotFit) {
  Allocator allocator;
  allocator.extend(begin_, end_);
  EXPECT_EQ(allocator.allocate(kRegionBytes), nullptr);
  EXPECT_EQ(allocator.allocate(SIZE_MAX), nullptr);
  EXPECT_EQ(allocator.allocate(SIZE_MAX - 64), nullptr);
  EXPECT_EQ(allocator.allocate(16, kRegionBytes * 2), nullptr);
  EXPECT_NE(allocator.allocate(kRegionBytes - 64), nullptr);
}

TEST_F(AllocatorTest, BlocksThatAreReleasedInAnyOrderJoin) {
  std::mt19937 random(1);
  Allocator allocator;
  allocator.extend(begin_, end_);
  std::vector<void*> blocks;
  while (void* block = allocator.allocate(1 + random() % 3000, size_t{16} << random() % 4))
    blocks.push_back(block);
  ASSERT_GT(blocks.size(), 300u);
  std::shuffle(blocks.begin(), blocks.end(), random);
  for (void* block : blocks) allocator.release(block);
  EXPECT_NE(allocator.allocate(kRegionBytes - 64), nullptr);
}

TEST_F(AllocatorTest, TakesTheSmallestHoleThatIsLargeEnough) {
  Allocator allocator;
  allocator.extend(begin_, end_);
  std::vector<void*> holes;
  for (const size_t bytes : {5000, 4200, 4600}) {
    holes.push_back(allocator.allocate(bytes));
    allocator.allocate(16);
  }
  for (void* hole : holes) allocator.release(hole);
  EXPECT_EQ(allocator.allocate(4100), holes[1]);
  EXPECT_EQ(allocator.allocate(4500), holes[2]);
  EXPECT_EQ(allocator.allocate(4500), holes[0]);
}

// Against a list of what is alive: blocks are aligned, apart from each other, and keep what was written.
TEST_F(AllocatorTest, KeepsBlocksApartWhileItsMemoryGrows) {
  struct Live {
    unsigned char* block;
    size_t bytes;
    unsigned char filling;
  };
  std::mt19937 random(2);
  Allocator allocator;
  std::byte* end = begin_;
  std::vector<Live> live;
  for (int step = 0; step < 20000; ++step) {
    if (live.empty() || random() % 100 < 52) {
      const size_t bytes = random() % (random() % 10 == 0 ? 20000 : 200);
      const size_t alignment = size_t{16} << (random() % 8 == 0 ? random() % 6 : 0);
      void* block = allocator.allocate(bytes, alignment);
      if (block == nullptr) {
        const uint64_t missing = allocator.missing(bytes, alignment);
        if (missing <= static_cast<uint64_t>(end_ - end)) {
          end += missing;
          allocator.extend(begin_, end);
          block = allocator.allocate(bytes, alignment);
          ASSERT_NE(block, nullptr) << bytes << " at " << alignment << " after " << missing << " more";
        }
      }
      if (block != nullptr) {
        EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % alignment, 0u);
        EXPECT_GE(Allocator::size_of(block), bytes);
        ASSERT_GE(static_cast<std::byte*>(block), begin_);
        ASSERT_LE(static_cast<std::byte*>(block) + Allocator::size_of(block), end);
        const auto filling = static_cast<unsigned char>(random());
        // All of it is the caller's, also what rounding added.
        std::memset(block, filling, Allocator::size_of(block));
        live.push_back({static_cast<unsigned char*>(block), Allocator::size_of(block), filling});
        continue;
      }
    }
    const size_t which = random() % live.size();
    const Live gone = live[which];
    live[which] = live.back();
    live.pop_back();
    for (size_t i = 0; i < gone.bytes; ++i) ASSERT_EQ(gone.block[i], gone.filling);
    allocator.release(gone.block);
  }
  EXPECT_GT(end, begin_ + 100000);
  for (const Live& block : live) allocator.release(block.block);
  EXPECT_NE(allocator.allocate(static_cast<size_t>(end - begin_) - 64), nullptr);
}

TEST_F(AllocatorTest, ABlockThatIsReleasedTwiceEndsTheProgram) {
  Allocator allocator;
  allocator.extend(begin_, end_);
  void* first = allocator.allocate(100);
  void* second = allocator.allocate(100);
  allocator.allocate(100);
  allocator.release(first);
  allocator.release(second);
  EXPECT_DEATH(allocator.release(second), "kUsed");
}

}  // namespace
}  // namespace linnet

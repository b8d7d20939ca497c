#include "base/digest.h"

#include <gtest/gtest.h>

#include <vector>

namespace linnet {
namespace {

uint64_t digest_of(std::span<const std::byte> bytes, size_t piece) {
  Digest digest;
  for (size_t at = 0; at < bytes.size(); at += piece)
    digest.add(bytes.subspan(at, std::min(piece, bytes.size() - at)));
  return digest.value();
}

TEST(Digest, DependsOnEveryByteAndNotOnPieces) {
  std::vector<std::byte> bytes(61);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(37 * i);
  const uint64_t whole = digest_of(bytes, bytes.size());
  for (size_t piece = 1; piece < 20; ++piece) EXPECT_EQ(digest_of(bytes, piece), whole);
  for (std::byte& byte : bytes)
    for (int bit = 0; bit < 8; ++bit) {
      byte ^= static_cast<std::byte>(1 << bit);
      EXPECT_NE(digest_of(bytes, 7), whole);
      byte ^= static_cast<std::byte>(1 << bit);
    }
}

TEST(Digest, SeesZerosAndOrder) {
  std::vector<std::byte> zeros(16);
  EXPECT_NE(digest_of(zeros, 4), digest_of(std::span(zeros).first(15), 4));
  EXPECT_NE(digest_of({}, 1), digest_of(std::span(zeros).first(8), 1));
  std::vector<std::byte> one = zeros, other = zeros;
  one[0] = other[8] = std::byte{1};
  EXPECT_NE(digest_of(one, 16), digest_of(other, 16));
}

}  // namespace
}  // namespace linnet

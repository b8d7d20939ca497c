#include "base/result.h"

#include <gtest/gtest.h>

#include <string>

namespace linnet {
namespace {

// The most characters of a detail that are kept whole.
constexpr size_t kLongest = 379;

TEST(Error, KeepsItsCodeAndDetail) {
  const Error error = fail(ErrorCode::Cycle, "node '%s' (%d)", "a", 7).error();
  EXPECT_EQ(error.code(), ErrorCode::Cycle);
  EXPECT_STREQ(error.detail(), "node 'a' (7)");
  EXPECT_STREQ(error_title(ErrorCode::Cycle), "cycle in the graph");
}

TEST(Error, CutsLongDetailsAndSaysSo) {
  for (const size_t length : {kLongest, kLongest + 1, size_t{500}, size_t{511}, size_t{512}, size_t{5000}}) {
    const std::string text(length, 'x');
    const std::string cut = std::string(kLongest - 3, 'x') + "...";
    const std::string expected = length <= kLongest ? text : cut;
    EXPECT_EQ(Error(ErrorCode::Io, text).detail(), expected) << length;
    EXPECT_EQ(fail(ErrorCode::Io, "%s", text.c_str()).error().detail(), expected) << length;
  }
}

TEST(Error, WithinPutsThePlaceInFront) {
  const Error error(ErrorCode::Io, "detail");
  EXPECT_STREQ(error.within("line 3").detail(), "line 3: detail");
  EXPECT_EQ(error.within("line 3").code(), ErrorCode::Io);
  const std::string prefix(10000, 'p');
  const std::string detail = Error(ErrorCode::Io, std::string(10000, 'd')).within(prefix).detail();
  EXPECT_EQ(detail, std::string(kLongest - 3, 'p') + "...");
}

Result<int> half(int value) {
  if (value % 2 != 0) return fail(ErrorCode::InvalidArgument, "%d is odd", value);
  return value / 2;
}

Result<int> quarter(int value) {
  TRY_ASSIGN(const int once, half(value));
  TRY(half(once));
  return half(once);
}

TEST(Result, TryHandsErrorsOn) {
  EXPECT_EQ(quarter(8), 2);
  EXPECT_STREQ(quarter(7).error().detail(), "7 is odd");
  EXPECT_STREQ(quarter(6).error().detail(), "3 is odd");
}

TEST(Result, EveryCodeHasATitleOfItsOwn) {
  const char* titles[] = {
#define LINNET_ERROR(name, number, title) error_title(ErrorCode::name),
#include "base/errors.def"
#undef LINNET_ERROR
  };
  for (const char* title : titles)
    for (const char* other : titles) EXPECT_TRUE(title == other || std::string(title) != other) << title;
}

TEST(ResultDeathTest, CheckSaysWhere) {
  EXPECT_DEATH(CHECK(1 + 1 == 3), "internal error: 1 \\+ 1 == 3 at .*result_test.cc");
}

}  // namespace
}  // namespace linnet

// Against the C library's printf.
#include "base/format.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <limits>
#include <random>
#include <string>

namespace linnet {
namespace {

// The formats of the cases come through a parameter.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wformat-nonliteral"
#pragma clang diagnostic ignored "-Wformat-security"

template <class... Arguments>
void expect_as_printf(const char* format, Arguments... arguments) {
  char expected[200], found[200];
  std::snprintf(expected, sizeof expected, format, arguments...);
  const size_t length = format_text(found, format, arguments...);
  EXPECT_STREQ(found, expected) << format;
  EXPECT_EQ(length, std::string(expected).size());
}

#pragma clang diagnostic pop

TEST(FormatText, FormatsAsPrintfDoes) {
  expect_as_printf("plain, 100%%");
  expect_as_printf("%s and '%.*s'%c", "text", 3, "abcdef", '!');
  for (const int value :
       {0, 7, -7, 1234567, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()})
    expect_as_printf("<%d> <%u>", value, static_cast<unsigned>(value));
  for (const long long value : {0LL, -1LL, std::numeric_limits<long long>::min()})
    expect_as_printf("%lld %llu %zu", value, static_cast<unsigned long long>(value),
                     static_cast<size_t>(value));
}

TEST(FormatText, FormatsNumbersAsPrintfDoes) {
  for (const double value :
       {0.0,     -0.0, 1.0,      0.5, -0.25, 10.0,     123456.0, 1234567.0, 0.0001, 0.00012345,
        0.00001, 1e10, 999999.9, 1.5, 100.0, 120000.0, 1e-7,     -1e-9,     3e38,   99999.95})
    expect_as_printf("%g", value);
  expect_as_printf("%g %g", std::numeric_limits<double>::infinity(),
                   -std::numeric_limits<double>::infinity());
  std::mt19937 random(3);
  std::uniform_int_distribution<int> digits(-99999, 99999);
  for (int i = 0; i < 1000; ++i) expect_as_printf("%g", digits(random) / 1000.0);
}

TEST(FormatText, CutsToFit) {
  char text[5];
  EXPECT_EQ(format_text(text, "%s", "abcdefgh"), 4u);
  EXPECT_STREQ(text, "abcd");
  char one[1] = {'x'};
  EXPECT_EQ(format_text(one, "%d", 5), 0u);
  EXPECT_EQ(one[0], 0);
}

TEST(FormatText, WritesWholeNumbers) {
  for (const int64_t value : {int64_t{0}, int64_t{7}, int64_t{-40}, INT64_MAX, INT64_MIN})
    EXPECT_EQ(decimal(value), std::to_string(value));
}

}  // namespace
}  // namespace linnet

#include "live/choice_record.h"

#include <gtest/gtest.h>

#include <string>

namespace linnet {
namespace {

constexpr uint64_t kNow = 1'790'000'000;

ChoiceRecord example() {
  return {.key = 0x0123456789abcdef,
          .made = kNow,
          .choice = Rung::WebGl2,
          .rungs = {{{12.9, 5'300'000}, {7.25, 9'000'000}, {0, 0}}}};
}

constexpr std::string_view kText =
    "linnet-choice 1\nkey 0123456789abcdef\nmade 1790000000\nchoice webgl2\n"
    "wasm 12900 5300000\nwebgl2 7250 9000000\nwebgpu 0 0\n";

TEST(ChoiceRecord, PrintsAndParses) {
  EXPECT_EQ(print_record(example()).view(), kText);
  EXPECT_EQ(parse_record(kText), example());
}

TEST(ChoiceRecord, ItsLargestFormFits) {
  ChoiceRecord record{.key = ~uint64_t{0}, .made = ~uint64_t{0}, .choice = Rung::WebGpu, .rungs = {}};
  for (auto& rung : record.rungs) rung = {1e300, ~uint64_t{0}};
  EXPECT_TRUE(print_record(record).view().ends_with("\n"));
}

TEST(ChoiceRecord, RefusesAllElse) {
  for (size_t length = 0; length < kText.size(); ++length)
    EXPECT_FALSE(parse_record(kText.substr(0, length))) << length;
  const auto changed = [](std::string_view from, std::string_view to) {
    std::string text(kText);
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  for (const std::string& text : {
           changed("choice 1", "choice 2"),
           changed("0123", "012"),
           changed("abc", "ABC"),
           changed("abc", "xyz"),
           changed("webgl2\n", "metal\n"),
           changed("12900", "-1"),
           changed("12900", "012900"),
           changed("12900", "1e3"),
           changed("12900", "99999999999999999999999"),
           changed("1790000000", ""),
           changed("webgpu 0 0\n", ""),
           changed("webgpu 0 0\n", "webgpu 0 0\n\n"),
           changed("wasm 1", "webgpu 1"),
           changed("7250", "0"),  // chosen without having been measured
           std::string(kText) + std::string(kRecordBytes, ' '),
           std::string(1 << 20, '0'),
       })
    EXPECT_FALSE(parse_record(text)) << text.substr(0, 300);
}

TEST(ChoiceRecord, IsUsedForItsOwnKeyTimeAndDevice) {
  const ChoiceRecord record = example();
  constexpr uint32_t all = 7;
  EXPECT_EQ(record_use(record, record.key, kNow + 5, all), RecordUse::Usable);
  EXPECT_EQ(record_use(std::nullopt, record.key, kNow, all), RecordUse::None);
  EXPECT_EQ(record_use(record, record.key + 1, kNow, all), RecordUse::OtherKey);
  EXPECT_EQ(record_use(record, record.key, kNow + kRecordLifetime + 1, all), RecordUse::TooOld);
  EXPECT_EQ(record_use(record, record.key, kNow - 2 * 24 * 3600, all), RecordUse::TooOld);
  EXPECT_EQ(record_use(record, record.key, kNow, all & ~rung_bit(Rung::WebGl2)), RecordUse::ChoiceMissing);
}

TEST(ChoiceRecord, TriesASkippedRungAgainSooner) {
  ChoiceRecord record = example();
  record.rungs[static_cast<int>(Rung::WebGpu)] = {};
  constexpr uint32_t all = 7;
  const uint64_t day = record.made + kSkippedLifetime;
  EXPECT_EQ(record_use(record, record.key, day, all), RecordUse::Usable);
  EXPECT_EQ(record_use(record, record.key, day + 1, all), RecordUse::TooOld);
  EXPECT_EQ(record_use(record, record.key, day + 1, all & ~rung_bit(Rung::WebGpu)), RecordUse::Usable);
}

TEST(ChoiceKey, TellsPartsApart) {
  const auto key = [](std::initializer_list<std::string_view> parts) {
    uint64_t value = kEmptyKey;
    for (const std::string_view part : parts) value = add_to_key(value, part);
    return value;
  };
  EXPECT_EQ(key({"app 1", "engine 2"}), key({"app 1", "engine 2"}));
  EXPECT_NE(key({"ab", "c"}), key({"a", "bc"}));
  EXPECT_NE(key({"a", ""}), key({"a"}));
  EXPECT_NE(key({"a", "b"}), key({"b", "a"}));
}

}  // namespace
}  // namespace linnet

#include "live/choice_record.h"

#include <algorithm>
#include <cmath>

namespace linnet {
namespace {

constexpr uint64_t kMostMicroseconds = 3'600'000'000;
constexpr uint64_t kMostBytes = uint64_t{1} << 40;
constexpr uint64_t kMostSeconds = uint64_t{1} << 40;
constexpr uint64_t kClockError = 24 * 3600;
constexpr std::string_view kHeader = "linnet-choice 1\n";

uint64_t microseconds(double milliseconds) {
  const double value = std::floor(milliseconds * 1000 + 0.5);
  return !(value > 0) ? 0 : value < kMostMicroseconds ? static_cast<uint64_t>(value) : kMostMicroseconds;
}

// Takes fixed words and numbers off the front of a text. After the first that is not there, all else fails
// too.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }

  void skip(std::string_view word) {
    ok_ = ok_ && starts_with(word);
    if (ok_) rest_.remove_prefix(word.size());
  }

  // A number without leading zeros, at most `most`.
  uint64_t number(uint64_t most) {
    uint64_t value = 0;
    size_t count = 0;
    for (; ok_ && count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9'; ++count) {
      value = value * 10 + static_cast<uint64_t>(rest_[count] - '0');
      ok_ = value <= most && (count == 0 || rest_[0] != '0');
    }
    ok_ = ok_ && count > 0;
    if (ok_) rest_.remove_prefix(count);
    return value;
  }

  uint64_t hex64() {
    uint64_t value = 0;
    ok_ = ok_ && rest_.size() >= 16;
    for (size_t i = 0; ok_ && i < 16; ++i) {
      const char c = rest_[i];
      ok_ = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      value = value << 4 | static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    if (ok_) rest_.remove_prefix(16);
    return value;
  }

  Rung rung() {
    for (int i = 0; ok_ && i < kRungCount; ++i) {
      const std::string_view name = rung_name(static_cast<Rung>(i));
      if (!starts_with(name)) continue;
      rest_.remove_prefix(name.size());
      return static_cast<Rung>(i);
    }
    ok_ = false;
    return Rung::Wasm;
  }

 private:
  // Not string_view's own, which brings the library's reporting of errors with it.
  bool starts_with(std::string_view word) const {
    return rest_.size() >= word.size() && std::equal(word.begin(), word.end(), rest_.begin());
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

uint64_t add_to_key(uint64_t key, std::string_view part) {
  const auto mix = [&key](uint64_t byte) { key = (key ^ byte) * 1099511628211u; };
  for (int shift = 0; shift < 32; shift += 8) mix(part.size() >> shift & 255);
  for (const char c : part) mix(static_cast<uint8_t>(c));
  return key;
}

FixedText<kRecordBytes> print_record(const ChoiceRecord& record) {
  FixedText<kRecordBytes> text(kHeader);
  text.append("key ").hex(record.key, 16);
  text.append("\nmade ").number(record.made);
  text.append("\nchoice ").append(rung_name(record.choice)).append("\n");
  for (int i = 0; i < kRungCount; ++i) {
    const ChoiceRecord::Measured& rung = record.rungs[i];
    text.append(rung_name(static_cast<Rung>(i))).append(" ").number(microseconds(rung.milliseconds));
    text.append(" ").number(rung.bytes < kMostBytes ? rung.bytes : kMostBytes).append("\n");
  }
  return text;
}

std::optional<ChoiceRecord> parse_record(std::string_view text) {
  if (text.size() > kRecordBytes) return std::nullopt;
  ChoiceRecord record;
  Scanner scanner(text);
  scanner.skip(kHeader);
  scanner.skip("key ");
  record.key = scanner.hex64();
  scanner.skip("\nmade ");
  record.made = scanner.number(kMostSeconds);
  scanner.skip("\nchoice ");
  record.choice = scanner.rung();
  scanner.skip("\n");
  for (int i = 0; i < kRungCount; ++i) {
    scanner.skip(rung_name(static_cast<Rung>(i)));
    scanner.skip(" ");
    record.rungs[i].milliseconds = static_cast<double>(scanner.number(kMostMicroseconds)) / 1000;
    scanner.skip(" ");
    record.rungs[i].bytes = scanner.number(kMostBytes);
    scanner.skip("\n");
  }
  if (!scanner.at_end() || record.rungs[static_cast<int>(record.choice)].milliseconds == 0)
    return std::nullopt;
  return record;
}

RecordUse record_use(const std::optional<ChoiceRecord>& record, uint64_t key, uint64_t now,
                     uint32_t available) {
  if (!record) return RecordUse::None;
  if (record->key != key) return RecordUse::OtherKey;
  uint64_t lifetime = kRecordLifetime;
  for (int i = 0; i < kRungCount; ++i)
    if (available >> i & 1 && record->rungs[i].milliseconds == 0) lifetime = kSkippedLifetime;
  // A clock that was set back makes a record's age unknown.
  if (record->made > now + kClockError || now > record->made + lifetime) return RecordUse::TooOld;
  if (!(available & rung_bit(record->choice))) return RecordUse::ChoiceMissing;
  return RecordUse::Usable;
}

}  // namespace linnet

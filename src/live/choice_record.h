// What is remembered of a choice between the rungs, from one visit of a page to the next.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "live/fixed_text.h"
#include "live/rung.h"

namespace linnet {

// A choice holds for one application version, engine version, model, and device with its browser. The key is
// a hash of these parts in a fixed order: 64-bit FNV-1a over their lengths and bytes, begun with kEmptyKey.
inline constexpr uint64_t kEmptyKey = 14695981039346656037u;
uint64_t add_to_key(uint64_t key, std::string_view part);

struct ChoiceRecord {
  struct Measured {
    // 0 where the rung was not measured.
    double milliseconds = 0;
    uint64_t bytes = 0;
    bool operator==(const Measured&) const = default;
  };

  uint64_t key = 0;
  // Seconds since 1970 at which the choice was made.
  uint64_t made = 0;
  Rung choice = Rung::Wasm;
  std::array<Measured, kRungCount> rungs{};

  bool operator==(const ChoiceRecord&) const = default;
};

inline constexpr size_t kRecordBytes = 256;
// Records older than this are measured anew, in seconds: drivers and browsers change behind their names.
// Sooner where a rung was skipped: memory, other programs or a slow network may have been the reason.
inline constexpr uint64_t kRecordLifetime = 30 * 24 * 3600;
inline constexpr uint64_t kSkippedLifetime = 24 * 3600;

// The record as lines of words:
//   linnet-choice 1
//   key 0123456789abcdef
//   made 1790000000
//   choice wasm
//   wasm 12900 5300000         microseconds and bytes; one line for each rung, in the order of the ladder
// Milliseconds are kept to the microsecond.
FixedText<kRecordBytes> print_record(const ChoiceRecord& record);

// The record that `text` holds; none where it is not exactly of that form, its numbers are out of range, or
// its choice has not been measured.
std::optional<ChoiceRecord> parse_record(std::string_view text);

// Why a record cannot be used as it is.
enum class RecordUse : uint8_t { Usable, None, OtherKey, TooOld, ChoiceMissing };

// Whether `record` says what to choose at `now` (seconds since 1970) under `key`, where the rungs in the mask
// `available` exist.
RecordUse record_use(const std::optional<ChoiceRecord>& record, uint64_t key, uint64_t now,
                     uint32_t available);

}  // namespace linnet

// Stored choices: whatever parses prints to the same text, and a ladder takes it without harm.
#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "live/ladder.h"

using namespace linnet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto record = parse_record(text);
  const uint64_t key = record ? record->key : 0;
  Ladder ladder(
      {.available = 7, .key = key, .unix_time = record ? record->made : 0, .record = text, .limits = {}}, 0);
  ladder.next(0);
  ladder.event(LadderEvent::Ready, Rung::Wasm, 1, 1000);
  CHECK(ladder.next(1).action == LadderAction::Switch);
  CHECK(ladder.active() == Rung::Wasm);
  if (record) CHECK(print_record(*record).view() == text);
  return 0;
}

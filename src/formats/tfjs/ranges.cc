#include "formats/tfjs/ranges.h"

#include <cmath>

namespace linnet {

Result<Ranges> read_ranges(Json metadata) {
  Ranges ranges;
  const Json list = metadata["linnet"]["ranges"];
  if (!list) return ranges;
  TRY(list.expect_object());
  for (size_t i = 0; i < list.size(); ++i) {
    const Json entry = list[i];
    if (entry.string() == "dynamic") {
      ranges.emplace(list.key(i), ValueRange{.dynamic = true});
      continue;
    }
    TRY(entry.expect_array());
    TRY_ASSIGN(const double low, entry[0].number());
    TRY_ASSIGN(const double high, entry[1].number());
    const ValueRange range{static_cast<float>(low), static_cast<float>(high)};
    if (entry.size() != 2 || !std::isfinite(range.low) || !std::isfinite(range.high) ||
        range.low > range.high)
      return fail(ErrorCode::MalformedModel, "%s is no range [low, high]", entry.path().c_str());
    ranges.emplace(list.key(i), range);
  }
  return ranges;
}

}  // namespace linnet

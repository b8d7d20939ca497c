#include "compress/channel_budget.h"

#include <algorithm>
#include <cmath>

namespace linnet {

namespace {

struct Move {
  size_t group = 0;
  int32_t kept = 0;
  double price = INFINITY;
};

}  // namespace

Result<std::vector<int32_t>> allocate_channels(const Graph& graph, const ChannelGroups& groups,
                                               std::span<const GroupCurve> curves, int64_t macs,
                                               int32_t multiple) {
  std::vector<int32_t> kept;
  for (const ChannelGroup& group : groups.groups()) kept.push_back(group.channels);
  const int64_t all = groups.macs(graph, kept);
  int64_t now = all;
  while (now > macs) {
    Move best;
    for (size_t g = 0; g < kept.size(); ++g) {
      const int32_t channels = groups.groups()[g].channels;
      const int32_t first = (kept[g] - 1) / multiple * multiple;
      const int32_t least = channels - static_cast<int32_t>(curves[g].error.size()) + 1;
      if (first < std::max(least, 1)) continue;
      const int32_t held = kept[g];
      kept[g] = first;
      const double saved = static_cast<double>(now - groups.macs(graph, kept)) / (held - first);
      kept[g] = held;
      if (saved <= 0) continue;
      const double here = curves[g].error[static_cast<size_t>(channels - held)];
      // Several steps at once where the curve gets flatter.
      for (int32_t next = first; next >= std::max(least, 1); next -= multiple) {
        const double error = curves[g].error[static_cast<size_t>(channels - next)];
        const double price = (error - here) / (saved * (held - next));
        if (price < best.price) best = {g, next, price};
      }
    }
    if (!std::isfinite(best.price))
      return fail(ErrorCode::InvalidArgument,
                  "no more channels can go: %d %% of the multiply-accumulates are left",
                  static_cast<int>(std::lround(100 * static_cast<double>(now) / static_cast<double>(all))));
    // Of the steps of the last move only as many as are needed.
    while (kept[best.group] > best.kept && now > macs) {
      kept[best.group] = std::max(best.kept, (kept[best.group] - 1) / multiple * multiple);
      now = groups.macs(graph, kept);
    }
  }
  return kept;
}

}  // namespace linnet

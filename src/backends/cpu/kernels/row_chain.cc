// Steps that run together, a few rows at a time, so that what one hands to the next stays in the cache.
#include <algorithm>

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"

namespace linnet::cpu {

namespace {

struct Stage {
  RowStage window;
  Kernel kernel;
  const uint32_t* words;
  Range rows;         // of its result that the current group needs
  uint32_t done = 0;  // the row after the last one computed
};

// The rows of its input that a stage needs for `rows`, which lie in one image.
Range input_rows(const RowStage& window, Range rows) {
  const uint32_t image = rows.begin / window.out_h;
  const auto first = [&](uint32_t row) {
    return static_cast<int32_t>((row - image * window.out_h) * window.stride) - window.pad;
  };
  const auto height = static_cast<int32_t>(window.in_h);
  const int32_t begin = std::clamp(first(rows.begin), 0, height);
  const int32_t end = std::clamp(first(rows.end - 1) + static_cast<int32_t>(window.extent), begin, height);
  return {image * window.in_h + static_cast<uint32_t>(begin),
          image * window.in_h + static_cast<uint32_t>(end)};
}

}  // namespace

// Going up from the rows of a group, each stage learns which rows the next one needs; going down, it computes
// those that are new. Nothing is computed twice within a range.
void row_chain(const Memory& memory, const uint32_t* words, Range range, std::byte* scratch) {
  const auto p = read_params<RowChainParams>(words);
  Stage stages[kMostChainStages];
  for (uint32_t i = 0; i < p.stages; ++i) {
    Stage& stage = stages[i];
    stage.window = read_params<RowStage>(words);
    stage.kernel = kernel_of(static_cast<PlanOp>(stage.window.op));
    stage.words = words;
    words += stage.window.words;
  }
  Memory inside = memory;
  inside.scratch = scratch;
  const uint32_t height = stages[p.stages - 1].window.out_h;
  for (uint32_t row = range.begin; row < range.end;) {
    const uint32_t image_end = (row / height + 1) * height;
    Range rows{row, std::min({row + p.group_rows, range.end, image_end})};
    row = rows.end;
    for (uint32_t i = p.stages; i-- > 0; rows = input_rows(stages[i].window, rows)) stages[i].rows = rows;
    for (uint32_t i = 0; i < p.stages; ++i) {
      Stage& stage = stages[i];
      const Range fresh{std::max(stage.rows.begin, stage.done), stage.rows.end};
      if (fresh.begin < fresh.end) stage.kernel(inside, stage.words, fresh, scratch + p.held_bytes);
      stage.done = std::max(stage.done, stage.rows.end);
    }
  }
}

}  // namespace linnet::cpu

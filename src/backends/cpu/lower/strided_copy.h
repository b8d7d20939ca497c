// Copies between two layouts of the same elements.
#pragma once

#include "backends/cpu/lower.h"

namespace linnet::cpu {

// One axis of a copy; strides are in elements.
struct CopyAxis {
  int64_t size;
  int64_t x_stride;
  int64_t out_stride;
};

// Copies elements of value `x`, from element `x_begin` on, to value `out`, from `out_begin` on, by `axes`,
// the last of which is the innermost. At most Shape::kMaxRank axes.
void emit_strided_copy(Lowering& lowering, ValueId x, int64_t x_begin, ValueId out, int64_t out_begin,
                       std::span<const CopyAxis> axes);

}  // namespace linnet::cpu

// Which matrices a product of stacks of matrices multiplies.
#pragma once

#include "graph/type.h"

namespace linnet {

// The number of the operand's matrix that belongs to matrix `index` of the result [..,M,N]: leading
// dimensions of size 1, and missing ones, broadcast.
int64_t matrix_of_batch(const Shape& operand, const Shape& result, int64_t index);

}  // namespace linnet

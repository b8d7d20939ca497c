#include "backends/gpu/index_map.h"

namespace linnet::gpu {

void IndexMap::add_inner(uint32_t size, int32_t stride) {
  if (size == 1) return;
  if (!dims.empty() && dims.back().stride == stride * static_cast<int32_t>(size))
    dims.back() = {dims.back().size * size, stride};
  else
    dims.push_back({size, stride});
}

bool IndexMap::keeps_fours() const {
  if (is_identity()) return true;
  if (dims.empty() || base % 4 != 0 || dims.back().stride != 1 || dims.back().size % 4 != 0) return false;
  for (size_t i = 0; i + 1 < dims.size(); ++i)
    if (dims[i].stride % 4 != 0) return false;
  return true;
}

bool IndexMap::repeats_fours() const {
  return is_single() || (dims.back().stride == 0 && dims.back().size % 4 == 0);
}

IndexMap broadcast_map(const Shape& operand, const Shape& result) {
  int32_t strides[Shape::kMaxRank] = {};
  int32_t step = 1;
  for (int i = 0; i < operand.rank(); ++i) {
    const int axis = result.rank() - 1 - i;
    strides[axis] = operand.back(i) == 1 ? 0 : step;
    step *= operand.back(i);
  }
  IndexMap map;
  for (int axis = 0; axis < result.rank(); ++axis)
    map.add_inner(static_cast<uint32_t>(result[axis]), strides[axis]);
  return map;
}

}  // namespace linnet::gpu

// The order in which a model's nodes are imported.
#pragma once

#include <cstdint>
#include <vector>

namespace linnet {

struct ImportOrder {
  // What the roots need, each after all that it needs itself; incomplete where there is a cycle.
  std::vector<uint32_t> nodes;
  // A node of a cycle, or UINT32_MAX.
  uint32_t cycle = UINT32_MAX;
};

// `needs[i]` lists the nodes that node i uses. Depth first, so that a node comes close before what uses it.
ImportOrder import_order(const std::vector<std::vector<uint32_t>>& needs, const std::vector<uint32_t>& roots);

}  // namespace linnet

#include "formats/tfjs/order.h"

#include <cstddef>
#include <utility>

namespace linnet {

ImportOrder import_order(const std::vector<std::vector<uint32_t>>& needs,
                         const std::vector<uint32_t>& roots) {
  enum class Mark : uint8_t { New, Open, Done };
  ImportOrder order;
  std::vector<Mark> marks(needs.size(), Mark::New);
  std::vector<std::pair<uint32_t, size_t>> stack;
  const auto open = [&](uint32_t node) {
    marks[node] = Mark::Open;
    stack.push_back({node, 0});
  };
  for (const uint32_t root : roots) {
    if (marks[root] == Mark::New) open(root);
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      if (next == needs[node].size()) {
        marks[node] = Mark::Done;
        order.nodes.push_back(node);
        stack.pop_back();
        continue;
      }
      const uint32_t needed = needs[node][next++];
      if (marks[needed] == Mark::Open) {
        order.cycle = needed;
        return order;
      }
      if (marks[needed] == Mark::New) open(needed);
    }
  }
  return order;
}

}  // namespace linnet

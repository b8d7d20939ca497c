// Fusion for memory: which chains of nodes run as one step, a few image rows at a time, so that what goes
// from one node to the next never lies in the arena.
#pragma once

#include <string>
#include <vector>

#include "backends/cpu/params.h"
#include "graph/graph.h"

namespace linnet::cpu {

enum class RowFusion : uint8_t {
  Off,
  WherePays,   // where it saves memory and takes no time, by the cost model
  Everywhere,  // wherever the kernels can: for tests
};

// Each node but the first reads, as its operand 0, the result of the one before, which nothing else uses.
struct RowChain {
  std::string name;  // "FIRST .. LAST"
  std::vector<NodeId> nodes;
  std::vector<RowStage> windows;     // of each node; opcode and words are left open
  uint32_t group_rows = 0;           // of the last result, computed at a time
  std::vector<uint32_t> fresh_rows;  // of each node's result, that a group adds
  std::vector<uint32_t> held_rows;   // of each node's result but the last, that a group needs
  uint64_t held_bytes = 0;           // of scratch, for all of these
};

// The chains of `graph` for a plan that `threads` will run, in the order of their last nodes.
std::vector<RowChain> choose_row_chains(const Graph& graph, RowFusion fusion, int threads);

}  // namespace linnet::cpu

// The ordered list of rewrites that every model goes through.
#pragma once

#include <functional>
#include <vector>

#include "graph/graph.h"

namespace linnet {

// What one run of a pass did.
struct PassReport {
  const char* name;
  size_t nodes_before;
  size_t nodes_after;
  int rewrites;
};

// Runs the passes before quantisation: what is left are the values that calibration measures.
Result<std::vector<PassReport>> simplify(Graph& graph);
// Runs all passes in their order, verifying the graph after each. Fails with the pass's name in front.
Result<std::vector<PassReport>> run_passes(Graph& graph);

}  // namespace linnet

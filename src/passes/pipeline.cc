#include "passes/pipeline.h"

#include <algorithm>
#include <span>

#include "graph/verify.h"
#include "passes/passes.h"

namespace linnet {

namespace {

struct Pass {
  const char* name;
  Result<int> (*run)(Graph&);
};

constexpr Pass kPasses[] = {
    // What the signature does not ask for is not worth rewriting.
    {"eliminate_dead_code", eliminate_dead_code},
    // Views hide producers from the patterns below.
    {"clean_up_views", clean_up_views},
    // Folding needs constants where models compute them (negated slopes, reshaped biases).
    {"fold_constants", fold_constants},
    // Batch norms become multiplications and additions, which the next pass moves into weights.
    {"fold_batch_norm", fold_batch_norm},
    // Before fusion, which would hide a constant scale in an epilogue.
    {"fold_affine", fold_affine},
    {"merge_pads", merge_pads},
    // Before fusion, which copies expressions into their users.
    {"eliminate_common_subexpressions", eliminate_common_subexpressions},
    {"fuse_elementwise", fuse_elementwise},
    // Values now have the names under which they were calibrated; epilogues would hide some of them.
    {"quantize_rows", quantize_rows},
    {"quantize", quantize},
    // Models are written and calibrated without this op, which TensorFlow.js does not have.
    {"fuse_norms", fuse_norms},
    // Last: an epilogue hides the node from all other patterns.
    {"fuse_epilogues", fuse_epilogues},
};

Result<std::vector<PassReport>> run(Graph& graph, std::span<const Pass> passes) {
  std::vector<PassReport> reports;
  for (const Pass& pass : passes) {
    const size_t before = graph.node_count();
    auto rewrites = pass.run(graph);
    if (!rewrites) return std::unexpected(rewrites.error().within(pass.name));
    if (auto valid = verify(graph); !valid) return std::unexpected(valid.error().within(pass.name));
    reports.push_back({pass.name, before, graph.node_count(), *rewrites});
  }
  graph.drop_unused_constants();
  return reports;
}

}  // namespace

Result<std::vector<PassReport>> simplify(Graph& graph) {
  const auto* end = std::ranges::find_if(kPasses, [](const Pass& pass) { return pass.run == quantize_rows; });
  return run(graph, {kPasses, end});
}

Result<std::vector<PassReport>> run_passes(Graph& graph) {
  return run(graph, kPasses);
}

}  // namespace linnet

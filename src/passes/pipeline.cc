#include "passes/pipeline.h"

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
    // Last: an epilogue hides the node from all other patterns.
    {"fuse_epilogues", fuse_epilogues},
};

}  // namespace

Result<std::vector<PassReport>> run_passes(Graph& graph) {
  std::vector<PassReport> reports;
  for (const Pass& pass : kPasses) {
    const size_t before = graph.node_count();
    auto rewrites = pass.run(graph);
    if (!rewrites) return std::unexpected(rewrites.error().within(pass.name));
    if (auto valid = verify(graph); !valid) return std::unexpected(valid.error().within(pass.name));
    reports.push_back({pass.name, before, graph.node_count(), *rewrites});
  }
  graph.drop_unused_constants();
  return reports;
}

}  // namespace linnet

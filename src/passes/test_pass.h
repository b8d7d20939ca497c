// Text in, text out: what a pass makes of a graph, and that the graph still computes the same.
#pragma once

#include <gtest/gtest.h>

#include "graph/test_graph.h"
#include "passes/passes.h"

namespace linnet::testing {

using Pass = Result<int> (*)(Graph&);

inline void expect_same_results(const Graph& before, const Graph& after, double tolerance = 1e-5) {
  const Values inputs = random_inputs(before);
  const Values expected = run(before, inputs), found = run(after, inputs);
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_LE(difference(expected[i], found[i]), tolerance) << "output " << i;
}

// Runs `pass` on `before`: it must report `rewrites`, leave exactly `after`, verified, and keep the results.
inline void expect_pass(Pass pass, std::string_view before, std::string_view after, int rewrites) {
  const Graph original = parse(before);
  Graph graph = original;
  const auto done = pass(graph);
  ASSERT_TRUE(done) << error_of(done);
  EXPECT_EQ(*done, rewrites);
  EXPECT_TRUE(verify(graph)) << error_of(verify(graph));
  EXPECT_EQ("\n" + print_graph(graph), after);
  expect_same_results(original, graph);
}

// The pass leaves `text`, written as the printer writes it, alone.
inline void expect_untouched(Pass pass, std::string_view text) {
  expect_pass(pass, text, text, 0);
}

// Wherever memory for the elements of its constants runs out, `rewrite` makes do with the graph or says so.
template <class Rewrite>
void expect_out_of_memory_told(const Graph& graph, Rewrite rewrite) {
  bool ran_out = true;
  for (int most = 0; ran_out; ++most) {
    SCOPED_TRACE(most);
    ran_out = false;
    int computed = 0;
    Graph scarce = graph;
    for (ValueId id = 0; id < scarce.value_count(); ++id) {
      Value& value = scarce.value(id);
      if (!value.is_constant()) continue;
      const auto compute = [tensor = value.constant, most, &computed, &ran_out]() -> Result<Buffer> {
        if (computed++ < most) return Tensor(tensor).take();
        ran_out = true;
        return fail(ErrorCode::OutOfMemory, "none is left");
      };
      value.constant = lazy_tensor(value.dtype, value.shape, compute);
    }
    const auto done = rewrite(scarce);
    if (!done) EXPECT_EQ(done.error().code(), ErrorCode::OutOfMemory) << error_of(done);
    EXPECT_TRUE(done || ran_out);
  }
}

}  // namespace linnet::testing

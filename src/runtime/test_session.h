// What tests do with sessions: compile, feed, run, read.
#pragma once

#include <atomic>
#include <cstring>
#include <thread>

#include "graph/test_graph.h"
#include "runtime/compile.h"

namespace linnet::testing {

// Returns once every thread of the pool has begun and taken part in a job.
inline void meet(ThreadPool& pool) {
  // Each of as many units as there are threads holds its thread until all are claimed.
  std::atomic<int> missing = pool.size();
  const auto wait_for_all = [](void* context, Range, int) {
    auto& count = *static_cast<std::atomic<int>*>(context);
    --count;
    while (count > 0) std::this_thread::yield();
  };
  pool.run({wait_for_all, &missing, static_cast<uint32_t>(pool.size()), 1, pool.size()});
}

// With several threads every step is shared, however small.
inline std::unique_ptr<Session> compile(const Graph& graph, int threads = 1, bool optimise = true) {
  auto session = compile_cpu(graph, {.threads = threads, .parallel_cost = 0, .optimise = optimise}, nullptr);
  EXPECT_TRUE(session) << error_of(session);
  return session ? std::move(*session) : nullptr;
}

inline void feed(Session& session, const Values& inputs) {
  ASSERT_EQ(session.inputs().size(), inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorView input = session.input(i);
    ASSERT_EQ(static_cast<size_t>(input.elements()), inputs[i].size());
    for (size_t k = 0; k < inputs[i].size(); ++k)
      store_double(input.dtype, input.data, static_cast<int64_t>(k), inputs[i][k]);
  }
}

// The bytes of every output.
inline std::vector<std::vector<std::byte>> output_bytes(Session& session) {
  std::vector<std::vector<std::byte>> bytes;
  for (size_t i = 0; i < session.outputs().size(); ++i) {
    const TensorView output = session.output(i);
    bytes.emplace_back(output.data, output.data + output.bytes());
  }
  return bytes;
}

inline Values output_values(Session& session) {
  Values values;
  for (size_t i = 0; i < session.outputs().size(); ++i) {
    const TensorView output = session.output(i);
    std::vector<double>& elements = values.emplace_back();
    for (int64_t k = 0; k < output.elements(); ++k)
      elements.push_back(element_as_double(output.dtype, output.data, k));
  }
  return values;
}

}  // namespace linnet::testing

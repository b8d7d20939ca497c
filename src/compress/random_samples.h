// What tests of compression do: samples drawn at random.
#pragma once

#include "compress/value_runner.h"
#include "graph/test_graph.h"

namespace linnet::testing {

// `count` inputs of `graph`, which has one, in [low, high).
inline Samples random_samples(const Graph& graph, int count, double low = -2, double high = 2) {
  Samples samples;
  for (int i = 0; i < count; ++i) {
    const Value& value = graph.value(graph.inputs[0].value);
    auto tensor = Tensor::zeros(value.dtype, value.shape);
    EXPECT_TRUE(tensor);
    fill_random_input(tensor->view(), static_cast<uint32_t>(100 + i), low, high);
    samples.push_back(std::move(*tensor));
  }
  return samples;
}

}  // namespace linnet::testing

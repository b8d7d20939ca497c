#include "graph/flat.h"

#include <gtest/gtest.h>

#include "graph/subgraph.h"
#include "graph/test_graph.h"

namespace linnet {
namespace {

using testing::error_of;
using testing::parse;

constexpr std::string_view kText = R"(input %x: f32[1,8,8,3] as "image"
const %w: f32[3,3,3,4] = random(1)
const %b: f32[4] = random(2)
%c = conv2d(%x, %w, %b) {strides=[2,2], pads=[0,1,0,1], epilogue=relu6(mul($0, 0.5))}
%p = pad(%c) {pads=[0,0,1,1,1,1,0,0], mode=reflect}
%i = cast(%p) {dtype=i32}
%f = cast(%i) {dtype=f32}
%s = reduce(%f) {mode=mean, axes=[1,2], keep_dims=false}
output %s as "scores"
output %i)";

TEST(FlatGraph, HoldsAllButTheElementsOfConstants) {
  const Graph graph = parse(kText);
  auto flat = unflatten_graph(flatten_graph(graph));
  ASSERT_TRUE(flat) << error_of(flat);
  ASSERT_EQ(flat->graph.value_count(), graph.value_count());
  ASSERT_EQ(flat->graph.node_count(), graph.node_count());
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Value &a = graph.value(id), &b = flat->graph.value(id);
    EXPECT_EQ(a.dtype, b.dtype);
    EXPECT_TRUE(a.shape == b.shape);
    EXPECT_EQ(a.producer, b.producer);
    EXPECT_EQ(a.is_constant(), b.is_constant());
    EXPECT_EQ(flat->constants[id] != nullptr, a.is_constant());
  }
  for (NodeId id = 0; id < graph.node_count(); ++id) {
    const Node &a = graph.node(id), &b = flat->graph.node(id);
    EXPECT_EQ(a.op, b.op);
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.inputs, b.inputs);
    EXPECT_EQ(a.outputs, b.outputs);
    EXPECT_TRUE(a.attrs == b.attrs) << a.name;
    EXPECT_EQ(op_def(a.op).max_inputs, flat->ops[static_cast<size_t>(a.op)].max_inputs);
    EXPECT_EQ(op_def(a.op).traits, flat->ops[static_cast<size_t>(a.op)].traits);
  }
  EXPECT_EQ(flat->graph.inputs[0].name, "image");
  EXPECT_EQ(flat->graph.outputs[0].name, "scores");
}

TEST(FlatGraph, ReadsConstantsOnceTheirBuffersAreFilled) {
  const Graph graph = parse(kText);
  auto flat = unflatten_graph(flatten_graph(graph));
  ASSERT_TRUE(flat) << error_of(flat);
  const ValueId bias = graph.find_value("b");
  const Tensor &from = graph.value(bias).constant, to = flat->graph.value(bias).constant;
  auto copy = Buffer::copy_of({from.data(), from.bytes()});
  ASSERT_TRUE(copy);
  *flat->constants[bias] = std::move(*copy);
  for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(to.at(i), from.at(i));
}

TEST(FlatGraph, RefusesWordsThatAreCutOffOrPointNowhere) {
  const std::vector<uint32_t> words = flatten_graph(parse(kText));
  for (size_t size = 0; size < words.size(); ++size)
    EXPECT_FALSE(unflatten_graph(std::span(words).first(size))) << size;
  for (size_t at = 0; at < words.size(); ++at) {
    std::vector<uint32_t> changed = words;
    changed[at] = 0xfffffff0u;
    (void)unflatten_graph(changed);  // an error or another graph, but no crash
  }
}

TEST(Subgraph, TakesNodesWithWhatTheyNeed) {
  const Graph graph = parse(kText);
  const Boundary boundary = boundary_of(graph, 1, 2);
  EXPECT_EQ(boundary.inputs, std::vector<ValueId>{graph.find_value("c")});
  EXPECT_EQ(boundary.outputs, std::vector<ValueId>{graph.find_value("i")});
  const Graph part = extract_nodes(graph, 0, 1);
  EXPECT_TRUE(verify(part)) << error_of(verify(part));
  ASSERT_EQ(part.inputs.size(), 1u);
  EXPECT_EQ(part.inputs[0].name, "x");
  ASSERT_EQ(part.outputs.size(), 1u);
  EXPECT_EQ(part.outputs[0].name, "p");
  const auto inputs = testing::random_inputs(part);
  const auto whole = testing::run(parse(std::string(kText) + "\noutput %p"), inputs);
  EXPECT_EQ(testing::run(part, inputs)[0], whole[2]);
}

}  // namespace
}  // namespace linnet

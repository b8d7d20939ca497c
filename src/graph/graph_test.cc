#include "graph/graph.h"

#include <gtest/gtest.h>

#include "graph/test_graph.h"

namespace linnet {
namespace {

using testing::error_of;
using testing::parse;

Attrs expr(std::string_view text) {
  Attrs attrs;
  attrs.set(Attr::expr, *Expr::parse(text));
  return attrs;
}

// x -> a -> b -> c, all negations.
Graph chain() {
  return parse(R"(input %x: f32[2]
%a = elementwise(%x) {expr=neg($0)}
%b = elementwise(%a) {expr=abs($0)}
%c = elementwise(%b) {expr=square($0)}
output %c)");
}

TEST(Attrs, KeepOneValueForEachKey) {
  Attrs attrs;
  attrs.set(Attr::strides, Ints{2, 2});
  attrs.set(Attr::axis, int64_t{1});
  attrs.set(Attr::axis, int64_t{3});
  EXPECT_EQ(attrs.get_int(Attr::axis, 0), 3);
  EXPECT_EQ(attrs.all().size(), 2u);
  EXPECT_EQ(attrs.get_ints(Attr::strides)[1], 2);
  EXPECT_EQ(attrs.get_int(Attr::strides, -5), -5) << "a value of another type is no value";
  EXPECT_EQ(attrs.get_string(Attr::mode, "constant"), "constant");
  attrs.remove(Attr::axis);
  EXPECT_FALSE(attrs.has(Attr::axis));
  EXPECT_EQ(attrs.get_expr(Attr::expr), nullptr);
  Attrs other;
  other.set(Attr::strides, Ints{2, 2});
  EXPECT_EQ(attrs, other);
}

TEST(Graph, GivesTakenNamesASuffix) {
  Graph graph;
  const ValueId a = graph.add_input("x", DType::F32, {2}), b = graph.add_input("x", DType::F32, {2});
  const ValueId c = *graph.add(Op::elementwise, "x", {a}, expr("neg($0)"));
  EXPECT_EQ(graph.value(a).name, "x");
  EXPECT_EQ(graph.value(b).name, "x.1");
  EXPECT_EQ(graph.value(c).name, "x.2");
  EXPECT_EQ(graph.find_value("x.2"), c);
  graph.rename_value(c, "y");
  EXPECT_EQ(graph.find_value("y"), c);
  EXPECT_EQ(graph.find_value("x.2"), kNone);
}

TEST(Graph, NumbersAsManyEqualNamesAsThereAre) {
  Graph graph;
  constexpr int kCount = 10000;
  for (int i = 0; i < kCount; ++i) graph.add_input("x", DType::F32, {2});
  EXPECT_EQ(graph.value(0).name, "x");
  for (ValueId id = 1; id < kCount; ++id) ASSERT_EQ(graph.value(id).name, "x." + std::to_string(id));
}

TEST(Graph, FindsAFreeNameWhateverNumbersAreTaken) {
  Graph graph;
  const auto take = [&](int number) { graph.add_input("x." + std::to_string(number), DType::F32, {2}); };
  graph.add_input("x", DType::F32, {2});
  for (int number = 1; number <= 1 << 24; number *= 2) take(number);
  for (int more = 1; more < 4; ++more) take((1 << 24) + more);
  for (int i = 0; i < 100; ++i) {
    const std::string name = graph.unique_name("x");
    ASSERT_EQ(graph.find_value(name), kNone) << name;
    EXPECT_EQ(graph.value(graph.add_input("x", DType::F32, {2})).name, name);
  }
  graph.rename_value(graph.find_value("x.4"), "y");
  const std::string name = graph.unique_name("x");
  EXPECT_EQ(graph.find_value(name), kNone) << name;
}

TEST(Graph, LeavesNothingOfANodeThatFails) {
  Graph graph = chain();
  const std::string before = print_graph(graph);
  const size_t values = graph.value_count();
  const auto added = graph.add(Op::reshape, "r", {0}, {});
  EXPECT_EQ(error_of(added), "invalid attribute: node 'r' (reshape): attribute 'shape' is missing");
  EXPECT_EQ(print_graph(graph), before);
  EXPECT_EQ(graph.value_count(), values);
  EXPECT_EQ(graph.find_value("r"), kNone);
  EXPECT_EQ(graph.unique_name("r"), "r");
}

TEST(Graph, CountsUsesByNodesAndOutputs) {
  const Graph graph = parse(R"(input %x: f32[2]
%y = elementwise(%x, %x) {expr=add($0, $1)}
%z = elementwise(%y) {expr=neg($0)}
output %y
output %y as "again"
output %z)");
  const std::vector<uint32_t> uses = graph.use_counts();
  EXPECT_EQ(uses[graph.find_value("x")], 2u);
  EXPECT_EQ(uses[graph.find_value("y")], 3u);
  EXPECT_EQ(uses[graph.find_value("z")], 1u);
}

TEST(Graph, ReplacesUsesEverywhere) {
  Graph graph = chain();
  graph.replace_uses(graph.find_value("b"), graph.find_value("x"));
  EXPECT_EQ(graph.node(2).inputs[0], graph.find_value("x"));
  graph.replace_uses(graph.find_value("c"), graph.find_value("a"));
  EXPECT_EQ(graph.outputs[0].value, graph.find_value("a"));
}

TEST(Graph, RemovingNodesRenumbersProducers) {
  Graph graph = chain();
  graph.replace_uses(graph.find_value("b"), graph.find_value("a"));
  graph.remove_nodes([](const Node& node) { return node.name == "b"; });
  EXPECT_EQ(graph.node_count(), 2u);
  EXPECT_EQ(graph.value(graph.find_value("c")).producer, 1u);
  EXPECT_EQ(graph.value(graph.find_value("b")).producer, kNone);
  EXPECT_TRUE(verify(graph));
}

TEST(Graph, FindsValuesByName) {
  Graph graph;
  EXPECT_EQ(graph.find_value("x"), kNone);
  constexpr ValueId kValues = 3000;
  for (ValueId id = 0; id < kValues; ++id)
    EXPECT_EQ(graph.add_input("v" + std::to_string(id), DType::F32, {1}), id);
  for (ValueId id = 0; id < kValues; id += 3) graph.rename_value(id, "r" + std::to_string(id));
  for (ValueId id = 0; id < kValues; ++id) {
    const std::string number = std::to_string(id);
    EXPECT_EQ(graph.find_value("v" + number), id % 3 == 0 ? kNone : id);
    EXPECT_EQ(graph.find_value("r" + number), id % 3 == 0 ? id : kNone);
  }
  // A name that has become free, and a node that is refused.
  EXPECT_FALSE(graph.add(Op::conv2d, "v3", {0, 1}));
  EXPECT_EQ(graph.find_value("v3"), kNone);
  EXPECT_EQ(graph.add_input("v3", DType::F32, {1}), kValues);
  EXPECT_EQ(graph.find_value("v3"), kValues);
}

TEST(Graph, SortsNodesThatCameLate) {
  Graph graph = chain();
  // d is added last and then used by the first node.
  const ValueId d = *graph.add(Op::elementwise, "d", {graph.find_value("x")}, expr("relu($0)"));
  graph.node(0).inputs[0] = d;
  EXPECT_FALSE(verify(graph));
  ASSERT_TRUE(graph.sort());
  EXPECT_TRUE(verify(graph)) << error_of(verify(graph));
  std::string order;
  for (const Node& node : graph.nodes()) order += node.name;
  EXPECT_EQ(order, "dabc");
}

TEST(Graph, SortNamesANodeOfACycle) {
  Graph graph = chain();
  graph.node(0).inputs[0] = graph.find_value("c");
  const auto sorted = graph.sort();
  ASSERT_FALSE(sorted);
  EXPECT_EQ(sorted.error().code(), ErrorCode::Cycle);
  EXPECT_STREQ(sorted.error().detail(), "node 'a' (elementwise) depends on its own result");
  Graph loop = chain();
  loop.node(1).inputs[0] = loop.find_value("b");
  EXPECT_EQ(error_of(loop.sort()), "cycle in the graph: node 'b' (elementwise) depends on its own result");
}

TEST(Graph, SortsDeepGraphs) {
  Graph graph;
  ValueId last = graph.add_input("x", DType::F32, {1});
  std::vector<ValueId> results;
  graph.inputs.push_back({"x", last});
  for (int i = 0; i < 20000; ++i)
    results.push_back(last = *graph.add(Op::identity, "n" + std::to_string(i), {last}));
  graph.outputs.push_back({"y", last});
  // Reverses the graph: node i now reads node i + 1.
  for (size_t i = 0; i + 1 < results.size(); ++i)
    graph.node(static_cast<NodeId>(i)).inputs[0] = results[i + 1];
  graph.node(static_cast<NodeId>(results.size() - 1)).inputs[0] = 0;
  ASSERT_TRUE(graph.sort());
  EXPECT_TRUE(verify(graph));
}

TEST(Graph, ForgetsUnusedConstants) {
  Graph graph = parse("const %a: f32[1] = [1]\nconst %b: f32[1] = [2]\noutput %b");
  graph.drop_unused_constants();
  EXPECT_FALSE(graph.value(0).is_constant());
  EXPECT_TRUE(graph.value(1).is_constant());
}

}  // namespace
}  // namespace linnet

#include "plan/storage.h"

#include <gtest/gtest.h>

#include "graph/test_graph.h"
#include "plan/memory_planner.h"

namespace linnet {
namespace {

using testing::parse;

bool always(const Graph&, const Node&, size_t) {
  return true;
}

bool never(const Graph&, const Node&, size_t) {
  return false;
}

uint32_t buffer(const Graph& graph, const Storage& storage, std::string_view name) {
  return storage.buffer_of[graph.find_value(name)];
}

Lifetime lifetime(const Graph& graph, const Storage& storage, std::string_view name) {
  return storage.buffers[buffer(graph, storage, name)];
}

TEST(Storage, LivesFromItsStepToItsLastReader) {
  const Graph graph = parse(R"(input %x: f32[20]
input %z: f32[20]
const %k: f32[20] = splat(1)
%a = elementwise(%x, %k) {expr=add($0, $1)}
%b = elementwise(%a) {expr=neg($0)}
%c = elementwise(%a, %z) {expr=add($0, $1)}
%d = elementwise(%b, %c) {expr=add($0, $1)}
output %b
output %d)");
  const Storage storage = assign_storage(graph, never);
  const struct {
    const char* name;
    uint32_t first, last;
  } expected[] = {{"x", 0, 0}, {"z", 0, 2}, {"a", 0, 2}, {"b", 1, 4}, {"c", 2, 3}, {"d", 3, 4}};
  for (const auto& [name, first, last] : expected) {
    const Lifetime found = lifetime(graph, storage, name);
    EXPECT_EQ(found.first, first) << name;
    EXPECT_EQ(found.last, last) << name;
    EXPECT_EQ(found.bytes, 128u) << "80 bytes, rounded up";
  }
  EXPECT_EQ(buffer(graph, storage, "k"), kNone);
  EXPECT_EQ(storage.buffers.size(), 6u);
}

TEST(Storage, ResultsThatNothingReadsHaveAPlaceForTheirStep) {
  const Graph graph = parse(R"(input %x: f32[2]
input %unread: f32[2]
%a = elementwise(%x) {expr=neg($0)}
%dead = elementwise(%x) {expr=abs($0)}
output %a)");
  const Storage storage = assign_storage(graph, never);
  EXPECT_EQ(lifetime(graph, storage, "dead").first, 1u);
  EXPECT_EQ(lifetime(graph, storage, "dead").last, 1u);
  EXPECT_NE(buffer(graph, storage, "unread"), kNone);
}

TEST(Storage, ViewsShareTheirOperandsPlace) {
  const Graph graph = parse(R"(input %x: f32[2,3]
const %k: f32[2,3] = splat(1)
%a = softmax(%x)
%b = reshape(%a) {shape=[6]}
%c = identity(%b)
%d = reshape(%k) {shape=[6]}
%e = elementwise(%x) {expr=neg($0)}
%f = elementwise(%c, %d) {expr=add($0, $1)}
output %e
output %f)");
  const Storage storage = assign_storage(graph, never);
  EXPECT_EQ(buffer(graph, storage, "b"), buffer(graph, storage, "a"));
  EXPECT_EQ(buffer(graph, storage, "c"), buffer(graph, storage, "a"));
  EXPECT_EQ(lifetime(graph, storage, "a").last, 5u) << "until the last reader of its views";
  EXPECT_EQ(buffer(graph, storage, "d"), kNone) << "a view of a constant";
  EXPECT_EQ(view_root(graph, graph.find_value("c")), graph.find_value("a"));
  EXPECT_EQ(view_root(graph, graph.find_value("d")), graph.find_value("k"));
}

TEST(Storage, AViewThatIsAnOutputKeepsItsOperand) {
  const Graph graph = parse(R"(input %x: f32[2]
%a = softmax(%x)
%b = reshape(%a) {shape=[2,1]}
%c = elementwise(%a) {expr=neg($0)}
output %b
output %c)");
  const Storage storage = assign_storage(graph, always);
  EXPECT_EQ(lifetime(graph, storage, "a").last, 3u);
  EXPECT_NE(buffer(graph, storage, "c"), buffer(graph, storage, "a"));
}

// One elementwise node %y over %a; is %a's place taken over?
bool takes_over(const std::string& text, const CanOverwrite& can_overwrite = always) {
  const Graph graph = parse(text);
  const Storage storage = assign_storage(graph, can_overwrite);
  EXPECT_TRUE(verify_memory(storage.buffers, plan_memory(storage.buffers)));
  return buffer(graph, storage, "y") == buffer(graph, storage, "a");
}

TEST(Storage, ResultsTakeOverWhatNobodyNeedsAnyMore) {
  const std::string head = "input %x: f32[4]\ninput %z: f32[4]\n%a = softmax(%x)\n";
  const std::string neg = "%y = elementwise(%a) {expr=neg($0)}\n";
  EXPECT_TRUE(takes_over(head + neg + "output %y"));
  EXPECT_FALSE(takes_over(head + neg + "output %y", never)) << "the backend refuses";
  EXPECT_TRUE(takes_over(
      head + "%y = elementwise(%z, %a) {expr=add($0, $1)}\n%e = softmax(%z)\noutput %y\noutput %e"))
      << "the second operand";
  EXPECT_FALSE(takes_over(head + neg + "output %y\noutput %a")) << "an output port";
  EXPECT_FALSE(takes_over(head + neg + "%u = elementwise(%a, %y) {expr=add($0, $1)}\noutput %u"))
      << "read later";
  EXPECT_FALSE(
      takes_over(head + "%v = reshape(%a) {shape=[2,2]}\n" + neg + "%u = softmax(%v)\noutput %y\noutput %u"))
      << "a view is read later";
  EXPECT_FALSE(takes_over(head + "%y = elementwise(%a) {expr=less($0, 0)}\noutput %y")) << "another type";
  EXPECT_FALSE(
      takes_over("input %x: f32[4]\ninput %z: f32[2,4]\n%a = softmax(%x)\n%y = elementwise(%a, %z) "
                 "{expr=add($0, $1)}\n%u = elementwise(%z, %y) {expr=add($0, $1)}\noutput %u"))
      << "smaller";
  EXPECT_FALSE(takes_over(head +
                          "%v = reshape(%a) {shape=[4,1]}\n%y = elementwise(%a, %v) {expr=add($0, $1)}\n"
                          "output %y"))
      << "another operand has the same bytes";
  EXPECT_FALSE(takes_over(
      "input %x: f32[4]\n%a = softmax(%x)\n%y = elementwise(%a, %a) {expr=add($0, $1)}\noutput %y"))
      << "the same operand twice";
}

TEST(Storage, AChainInPlaceIsOneBuffer) {
  const Graph graph = parse(R"(input %x: f32[4]
%a = elementwise(%x) {expr=neg($0)}
%v = reshape(%a) {shape=[2,2]}
%b = elementwise(%v) {expr=abs($0)}
%c = elementwise(%b) {expr=exp($0)}
output %c)");
  const Storage storage = assign_storage(graph, always);
  ASSERT_EQ(storage.buffers.size(), 1u);
  EXPECT_EQ(storage.buffers[0].first, 0u);
  EXPECT_EQ(storage.buffers[0].last, 4u);
}

TEST(Storage, AnInputThatIsAnOutputStays) {
  const Graph graph = parse(R"(input %x: f32[4]
%y = elementwise(%x) {expr=neg($0)}
output %x
output %y)");
  const Storage storage = assign_storage(graph, always);
  EXPECT_NE(buffer(graph, storage, "x"), buffer(graph, storage, "y"));
  EXPECT_EQ(lifetime(graph, storage, "x").last, 1u);
}

TEST(Storage, FusedNodesRunAtTheLastOne) {
  const Graph graph = parse(R"(input %x: f32[20]
%a = elementwise(%x) {expr=neg($0)}
%other = elementwise(%x) {expr=abs($0)}
%b = elementwise(%a) {expr=neg($0)}
%c = elementwise(%b, %other) {expr=add($0, $1)}
output %c)");
  const FusedNodes fused[] = {{0, 2, 3}};
  const Storage storage = assign_storage(graph, always, fused);
  EXPECT_EQ(buffer(graph, storage, "a"), kNone);
  EXPECT_EQ(buffer(graph, storage, "b"), kNone);
  EXPECT_EQ(lifetime(graph, storage, "x").last, 3u) << "read when the chain runs";
  EXPECT_EQ(buffer(graph, storage, "c"), buffer(graph, storage, "other")) << "the last node's operand";
}

TEST(Storage, FusedNodesOverwriteNothingThatAnotherOfThemReads) {
  const Graph graph = parse(R"(input %x: f32[20]
%a = elementwise(%x) {expr=neg($0)}
%b = elementwise(%a, %x) {expr=add($0, $1)}
output %b)");
  const FusedNodes fused[] = {{0, 1}};
  const Storage storage = assign_storage(graph, always, fused);
  EXPECT_NE(buffer(graph, storage, "b"), buffer(graph, storage, "x"));
  EXPECT_EQ(storage.buffers.size(), 2u);
}

}  // namespace
}  // namespace linnet

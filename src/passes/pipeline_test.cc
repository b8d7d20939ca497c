#include "passes/pipeline.h"

#include "passes/test_pass.h"

namespace linnet {
namespace {

using namespace testing;

TEST(Pipeline, TurnsAMobileNetBlockIntoThreeNodes) {
  const Graph before = parse(R"(
input %x: f32[1,6,6,4]
const %w1: f32[1,1,4,8] = random(1)
const %w2: f32[3,3,8,1] = random(2)
const %w3: f32[1,1,8,4] = random(3)
const %g: f32[8] = random(4)
const %h: f32[4] = random(5)
const %v: f32[8] = splat(0.5)
const %u: f32[4] = splat(2)
%a = conv2d(%x, %w1)
%a/bn = batch_norm(%a, %g, %g, %g, %v) {epsilon=0.001}
%a/relu = elementwise(%a/bn) {expr=relu6($0)}
%p = pad(%a/relu) {pads=[0,0,1,1,1,1,0,0]}
%d = depthwise_conv2d(%p, %w2)
%d/bn = batch_norm(%d, %g, %g, %g, %v) {epsilon=0.001}
%d/relu = elementwise(%d/bn) {expr=relu6($0)}
%i = identity(%d/relu)
%c = conv2d(%i, %w3)
%c/bn = batch_norm(%c, %h, %h, %h, %u) {epsilon=0.001}
%y = elementwise(%c/bn, %x) {expr=add($0, $1)}
%unused = softmax(%y)
output %y)");
  Graph after = before;
  const auto reports = run_passes(after);
  ASSERT_TRUE(reports) << error_of(reports);
  EXPECT_EQ(after.node_count(), 3u) << print_graph(after);
  EXPECT_EQ(after.outputs[0].name, "y");
  expect_same_results(before, after);

  size_t nodes = before.node_count();
  for (const PassReport& report : *reports) {
    EXPECT_EQ(report.nodes_before, nodes) << report.name;
    nodes = report.nodes_after;
  }
  EXPECT_EQ(nodes, 3u);
}

// What a graph computes survives all passes, for every op's cases.
TEST(Pipeline, KeepsTheResultsOfEveryOpCase) {
#define LINNET_OP(name)                             \
  for (const char* text : op_def(Op::name).cases) { \
    SCOPED_TRACE(text);                             \
    const Graph before = parse(text);               \
    Graph after = before;                           \
    const auto reports = run_passes(after);         \
    ASSERT_TRUE(reports) << error_of(reports);      \
    expect_same_results(before, after);             \
  }
#include "graph/ops.def"
#undef LINNET_OP
}

TEST(Pipeline, NamesThePassThatFails) {
  Graph graph = parse("input %x: f32[2]\n%y = softmax(%x)\noutput %y");
  graph.node(0).attrs.set(Attr::axis, int64_t{1});
  EXPECT_EQ(error_of(run_passes(graph)),
            "invalid attribute: eliminate_dead_code: node 'y' (softmax): softmax does not take the attribute "
            "'axis'");
}

TEST(Pipeline, TellsOfMemoryThatRunsOut) {
  for (const char* text : {
           // Batch norms, a scale, one number, a norm.
           R"(
input %x: f32[1,6,6,4]
const %w: f32[1,1,4,8] = random(1)
const %g: f32[8] = random(4)
const %v: f32[8] = splat(0.5)
const %two: f32[1] = splat(2)
%a = conv2d(%x, %w)
%n = batch_norm(%a, %g, %g, %g, %v) {epsilon=0.001}
%s = elementwise(%n, %g) {expr=mul($0, $1)}
%t = elementwise(%s, %two) {expr=maximum($0, $1)}
%y = elementwise(%t, %g) {expr=add($0, $1)}
output %y)",
           // Constants of constants.
           R"(
input %x: f32[2,3]
const %a: f32[2,3] = random(1)
const %b: f32[3] = random(2)
%s = elementwise(%a, %b) {expr=mul($0, $1)}
%t = transpose(%s) {perm=[1,0]}
%y = matmul(%x, %t)
output %y)",
       })
    expect_out_of_memory_told(parse(text), run_passes);
#define LINNET_OP(name)                                 \
  for (const char* text : op_def(Op::name).cases) {     \
    SCOPED_TRACE(text);                                 \
    expect_out_of_memory_told(parse(text), run_passes); \
  }
#include "graph/ops.def"
#undef LINNET_OP
}

}  // namespace
}  // namespace linnet

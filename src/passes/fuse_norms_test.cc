#include "passes/test_pass.h"

namespace linnet {
namespace {

using testing::expect_pass;
using testing::expect_untouched;

constexpr std::string_view kRms = R"(
input %x: f32[4,8]
const %w: f32[8] = [1, 0.5, 2, -1, 3, 0.25, 1, 1]
%sq: f32[4,8] = elementwise(%x) {expr=mul($0, $0)}
%m: f32[4,1] = reduce(%sq) {mode=mean, axes=[1], keep_dims=true}
%r: f32[4,1] = elementwise(%m) {expr=rsqrt(add($0, 0.125))}
%y: f32[4,8] = elementwise(%x, %r, %w) {expr=mul(mul($0, $1), $2)}
output %y
)";

TEST(FuseNorms, FindsRootMeanSquares) {
  Graph graph = testing::parse(kRms);
  const Graph before = graph;
  const auto done = fuse_norms(graph);
  ASSERT_TRUE(done) << testing::error_of(done);
  EXPECT_EQ(*done, 1);
  ASSERT_EQ(graph.node_count(), 1u);
  const Node& node = graph.node(0);
  EXPECT_EQ(node.op, Op::layer_norm);
  EXPECT_EQ(node.attrs.get_string(Attr::mode, ""), "rms");
  EXPECT_FLOAT_EQ(node.attrs.get_float(Attr::epsilon, 0), 0.125f);
  testing::expect_same_results(before, graph);
}

// As Keras' batch_normalization writes it: gamma / sqrt(var + e) and the shift are nodes of their own.
TEST(FuseNorms, FindsLayerNormsInBothForms) {
  for (const char* rest :
       {"%g: f32[2,3,8] = elementwise(%r, %gamma) {expr=mul($0, $1)}\n"
        "%s: f32[2,3,8] = elementwise(%m, %g, %beta) {expr=sub($2, mul($0, $1))}\n"
        "%y: f32[2,3,8] = elementwise(%x, %g, %s) {expr=add(mul($0, $1), $2)}\n",
        "%c: f32[2,3,8] = elementwise(%x, %m) {expr=sub($0, $1)}\n"
        "%y: f32[2,3,8] = elementwise(%c, %r, %gamma, %beta) {expr=add(mul(mul($0, $1), $2), $3)}\n",
        "%c: f32[2,3,8] = elementwise(%x, %m) {expr=sub($0, $1)}\n"
        "%d: f32[2,3,1] = elementwise(%v) {expr=sqrt(add($0, 0.001))}\n"
        "%y: f32[2,3,8] = elementwise(%c, %d) {expr=div($0, $1)}\n"}) {
    const std::string text = std::string(R"(
input %x: f32[2,3,8]
const %gamma: f32[8] = [1, 0.5, 2, -1, 3, 0.25, 1, 1]
const %beta: f32[8] = [0, 0.5, 1, -1, 0.125, 0.25, 2, 1]
%m: f32[2,3,1] = reduce(%x) {mode=mean, axes=[2], keep_dims=true}
%q: f32[2,3,8] = elementwise(%x, %m) {expr=squared_difference($0, $1)}
%v: f32[2,3,1] = reduce(%q) {mode=mean, axes=[2], keep_dims=true}
%r: f32[2,3,1] = elementwise(%v) {expr=rsqrt(add($0, 0.001))}
)") + rest + "output %y\n";
    Graph graph = testing::parse(text);
    const Graph before = graph;
    const auto done = fuse_norms(graph);
    ASSERT_TRUE(done) << testing::error_of(done);
    EXPECT_EQ(*done, 1) << rest;
    ASSERT_EQ(graph.node_count(), 1u) << print_graph(graph);
    EXPECT_EQ(graph.node(0).attrs.get_string(Attr::mode, ""), "layer");
    testing::expect_same_results(before, graph);
  }
}

// The difference alone would be a norm of mode rms.
TEST(FuseNorms, TakesTheMeanInWhereTheDifferenceIsSquared) {
  Graph graph = testing::parse(R"(
input %x: f32[4,8]
const %w: f32[8] = [1, 0.5, 2, -1, 3, 0.25, 1, 1]
%m: f32[4,1] = reduce(%x) {mode=mean, axes=[1], keep_dims=true}
%c: f32[4,8] = elementwise(%x, %m) {expr=sub($0, $1)}
%sq: f32[4,8] = elementwise(%c) {expr=mul($0, $0)}
%v: f32[4,1] = reduce(%sq) {mode=mean, axes=[1], keep_dims=true}
%y: f32[4,8] = elementwise(%c, %v, %w) {expr=mul(mul($0, rsqrt(add($1, 0.125))), $2)}
output %y
)");
  const Graph before = graph;
  const auto done = fuse_norms(graph);
  ASSERT_TRUE(done) << testing::error_of(done);
  EXPECT_EQ(*done, 1);
  ASSERT_EQ(graph.node_count(), 1u) << print_graph(graph);
  EXPECT_EQ(graph.node(0).attrs.get_string(Attr::mode, ""), "layer");
  testing::expect_same_results(before, graph);
}

// What is normalised is itself elementwise, and used again, as in a residual stream.
TEST(FuseNorms, FindsNormsOfElementwiseResults) {
  Graph graph = testing::parse(R"(
input %a: f32[4,8]
input %b: f32[4,8]
const %w: f32[8] = [1, 0.5, 2, -1, 3, 0.25, 1, 1]
%x: f32[4,8] = elementwise(%a, %b) {expr=add($0, $1)}
%sq: f32[4,8] = elementwise(%x) {expr=mul($0, $0)}
%m: f32[4,1] = reduce(%sq) {mode=mean, axes=[1], keep_dims=true}
%r: f32[4,1] = elementwise(%m) {expr=rsqrt(add($0, 0.125))}
%y: f32[4,8] = elementwise(%w, %x, %r) {expr=mul($0, mul($1, $2))}
%z: f32[4,8] = elementwise(%x, %y) {expr=sub($0, $1)}
output %y
output %z
)");
  const Graph before = graph;
  const auto done = fuse_norms(graph);
  ASSERT_TRUE(done) << testing::error_of(done);
  EXPECT_EQ(*done, 1);
  EXPECT_EQ(graph.node_count(), 3u) << print_graph(graph);
  testing::expect_same_results(before, graph);
}

TEST(FuseNorms, LeavesWhatIsNoNorm) {
  // The variance is not about the mean that is subtracted.
  expect_untouched(fuse_norms, R"(
input %x: f32[4,8]
%m: f32[4,1] = reduce(%x) {axes=[1], keep_dims=true, mode=mean}
%q: f32[4,8] = elementwise(%x) {expr=mul($0, $0)}
%v: f32[4,1] = reduce(%q) {axes=[1], keep_dims=true, mode=mean}
%y: f32[4,8] = elementwise(%x, %m, %v) {expr=mul(sub($0, $1), rsqrt(add($2, 0.125)))}
output %y
)");
  // An absolute value is no square.
  expect_untouched(fuse_norms, R"(
input %x: f32[4,8]
%q: f32[4,8] = elementwise(%x) {expr=abs($0)}
%v: f32[4,1] = reduce(%q) {axes=[1], keep_dims=true, mode=mean}
%y: f32[4,8] = elementwise(%x, %v) {expr=mul($0, rsqrt(add($1, 0.125)))}
output %y
)");
  // The mean is over another axis.
  expect_untouched(fuse_norms, R"(
input %x: f32[8,8]
%q: f32[8,8] = elementwise(%x) {expr=mul($0, $0)}
%v: f32[1,8] = reduce(%q) {axes=[0], keep_dims=true, mode=mean}
%y: f32[8,8] = elementwise(%x, %v) {expr=mul($0, rsqrt(add($1, 0.125)))}
output %y
)");
}

}  // namespace
}  // namespace linnet

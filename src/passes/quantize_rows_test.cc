#include "passes/pipeline.h"
#include "passes/test_pass.h"

namespace linnet {
namespace {

using namespace testing;

constexpr const char* kNet = R"(
input %x: f32[1,6,5,12]
const %w1: f32[1,1,12,24] = random(1)
const %b1: f32[24] = random(2)
const %w2: f32[1,1,24,8] = random(3)
const %w3: f32[10,240] = random(4)
const %b3: f32[10] = random(5)
%a = conv2d(%x, %w1, %b1)
%r = elementwise(%a) {expr=relu($0)}
%c = conv2d(%r, %w2)
%f = reshape(%c) {shape=[1,240]}
%y = matmul(%f, %w3, %b3) {transpose_b=true}
output %y)";

std::vector<Op> ops_of(const Graph& graph) {
  std::vector<Op> ops;
  for (const Node& node : graph.nodes()) ops.push_back(node.op);
  return ops;
}

Graph with_dynamic(const char* text, std::initializer_list<const char*> values) {
  Graph graph = parse(text);
  for (const char* name : values) graph.ranges[name] = {.dynamic = true};
  return graph;
}

TEST(QuantizeRows, RewritesWhatIsMarked) {
  const Graph before = with_dynamic(kNet, {"a", "c", "y"});
  Graph after = before;
  const auto done = quantize_rows(after);
  ASSERT_TRUE(done) << error_of(done);
  EXPECT_EQ(*done, 3);
  EXPECT_TRUE(verify(after)) << error_of(verify(after));
  EXPECT_EQ(ops_of(after), (std::vector{Op::dynamic_matmul, Op::elementwise, Op::dynamic_matmul, Op::reshape,
                                        Op::dynamic_matmul}));
  EXPECT_TRUE(after.ranges.empty());
  EXPECT_EQ(after.value(after.node(0).inputs[1]).dtype, DType::I8);
  EXPECT_EQ(after.value(after.find_value("w1")).constant.empty(), true);
  expect_same_results(before, after, 0.02);
}

TEST(QuantizeRows, LeavesTheRest) {
  Graph graph = with_dynamic(kNet, {"c", "f", "nothing"});
  ASSERT_EQ(*quantize_rows(graph), 1);
  EXPECT_EQ(ops_of(graph),
            (std::vector{Op::conv2d, Op::elementwise, Op::dynamic_matmul, Op::reshape, Op::matmul}));
  EXPECT_TRUE(graph.ranges.empty());
}

TEST(QuantizeRows, LeavesConvolutionsThatAreNoProducts) {
  for (const char* attrs : {"{strides=[2,2]}", "{pads=[1,1,0,0]}"}) {
    Graph graph = parse("input %x: f32[1,4,4,3]\nconst %w: f32[1,1,3,5] = random(1)\n%y = conv2d(%x, %w) " +
                        std::string(attrs) + "\noutput %y");
    graph.ranges["y"] = {.dynamic = true};
    EXPECT_EQ(*quantize_rows(graph), 0) << attrs;
  }
  Graph window =
      parse("input %x: f32[1,4,4,3]\nconst %w: f32[2,1,3,5] = random(1)\n%y = conv2d(%x, %w)\noutput %y");
  window.ranges["y"] = {.dynamic = true};
  EXPECT_EQ(*quantize_rows(window), 0);
  Graph computed = parse("input %x: f32[4,3]\ninput %w: f32[3,5]\n%y = matmul(%x, %w)\noutput %y");
  computed.ranges["y"] = {.dynamic = true};
  EXPECT_EQ(*quantize_rows(computed), 0);
}

TEST(QuantizeRows, TakesEpilogues) {
  Graph graph = with_dynamic(kNet, {"a", "c", "y"});
  ASSERT_TRUE(run_passes(graph));
  EXPECT_EQ(ops_of(graph),
            (std::vector{Op::dynamic_matmul, Op::dynamic_matmul, Op::reshape, Op::dynamic_matmul}));
  EXPECT_TRUE(graph.node(0).attrs.has(Attr::epilogue));
}

}  // namespace
}  // namespace linnet

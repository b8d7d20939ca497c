#include "graph/text.h"

#include <gtest/gtest.h>

#include "graph/test_graph.h"

namespace linnet {
namespace {

using testing::error_of;
using testing::parse;

// Data that is listed in full, so that it comes back whole.
std::string print_whole(const Graph& graph) {
  return print_graph(graph, 1 << 20);
}

std::vector<const char*> all_cases() {
  std::vector<const char*> cases;
  const char* const names[] = {
#define LINNET_OP(name) #name,
#include "graph/ops.def"
#undef LINNET_OP
  };
  for (const char* name : names) {
    Op op;
    EXPECT_TRUE(op_from_name(name, &op));
    for (const char* text : op_def(op).cases) cases.push_back(text);
  }
  return cases;
}

TEST(Text, EveryOpCaseComesBackFromItsPrint) {
  const std::vector<const char*> cases = all_cases();
  EXPECT_GT(cases.size(), 40u);
  for (const char* text : cases) {
    const Graph graph = parse(text);
    const std::string printed = print_whole(graph);
    const Graph again = parse(printed);
    EXPECT_EQ(print_whole(again), printed);
    // The constants' elements too.
    const testing::Values inputs = testing::random_inputs(graph);
    EXPECT_EQ(testing::run(again, inputs), testing::run(graph, inputs)) << printed;
  }
}

TEST(Text, PrintsTypesAttributesAndPorts) {
  const char* text = R"(input %x: f32[1,4,4,2] as "image"
const %w: f32[1,1,2,1] = [0.5, -1]
const %b: f32[1] = [0.100000001]
%y: f32[1,2,2,1] = conv2d(%x, %w, %b) {epilogue=relu6($0), strides=[2,2]}
%z: f32[4] = reshape(%y) {shape=[-1]}
output %z
output %y as "raw scores"
)";
  EXPECT_EQ(print_graph(parse(text)), text);
}

TEST(Text, PrintsLargeConstantsShort) {
  const Graph graph = parse(R"(const %a: f32[20] = splat(0.5)
const %b: f32[20] = random(1)
%y = elementwise(%a, %b) {expr=add($0, $1)}
output %y)");
  EXPECT_EQ(print_graph(graph), R"(const %a: f32[20] = splat(0.5)
const %b: f32[20] = ...
%y: f32[20] = elementwise(%a, %b) {expr=add($0, $1)}
output %y
)");
}

TEST(Text, KeepsEveryNumber) {
  const char* text = R"(const %i: i32[4] = [2147483647, -2147483648, 1234567891, -7]
const %f: f32[5] = [0.1, 1e-45, 3.4028234664e38, inf, -inf]
const %b: bool[2] = [1, 0]
const %u: u8[2] = [255, 0]
output %i
output %f
output %b
output %u)";
  const Graph graph = parse(text);
  const Graph again = parse(print_graph(graph));
  for (const char* name : {"i", "f", "b", "u"}) {
    const Tensor& before = graph.value(graph.find_value(name)).constant;
    const Tensor& after = again.value(again.find_value(name)).constant;
    for (int64_t i = 0; i < before.shape().elements(); ++i) EXPECT_EQ(after.at(i), before.at(i)) << name << i;
  }
  EXPECT_EQ(graph.value(0).constant.at(2), 1234567891);
}

TEST(Text, SkipsCommentsAndBlankLines) {
  const Graph graph = parse("# a graph\n\n  input %x: f32[]  # a scalar\r\n\toutput %x\n");
  EXPECT_EQ(graph.inputs.size(), 1u);
  EXPECT_EQ(graph.value(0).shape.rank(), 0);
}

TEST(Text, ErrorsNameLineAndColumn) {
  const std::pair<const char*, const char*> cases[] = {
      {"input %x", "malformed graph text: line 1: expected a type at column 9"},
      {"\n\ninput x: f32[1]", "malformed graph text: line 3: expected '%' at column 7"},
      {"input %x: f33[1]", "malformed graph text: line 1: expected an element type before at column 14"},
      {"input %x: f32[1] 7", "malformed graph text: line 1: expected the end of the line at column 18"},
      {"input %x: f32[1,]", "malformed graph text: line 1: expected a whole number at column 17"},
      {"input %x: f32[1] as \"p", "malformed graph text: line 1: expected a closing quote at column 22"},
      {"input %x: f32[1]\ninput %x: f32[1]", "malformed graph text: line 2: '%x' is defined twice"},
      {"output %x", "missing node: line 1: '%x' is not defined before it is used"},
      {"%y = relu(%x)", "unsupported op: line 1: there is no op 'relu'"},
      {"input %x: f32[2]\n%y = softmax(%z)", "missing node: line 2: '%z' is not defined before it is used"},
      {"input %x: f32[2]\n%y = softmax(%x) {axis=1}",
       "invalid attribute: line 2: softmax does not take the attribute 'axis'"},
      {"input %x: f32[2]\n%y, %z = softmax(%x)", "malformed graph text: line 2: softmax has 1 results"},
      {"input %x: f32[2]\n%y: f32[3] = softmax(%x)",
       "shape mismatch: line 2: '%y' is f32[2], not as written"},
      {"input %x: f32[2]\n%y = softmax(%x", "malformed graph text: line 2: expected ',' at column 16"},
      {"input %x: f32[2]\n%y = elementwise(%x) {expr=neg($0}",
       "malformed graph text: line 2: expression 'neg($0}': expected ')' at column 7"},
      {"input %x: f32[3]\n%y = reshape(%x) {shape=[2]}",
       "shape mismatch: line 2: node 'y' (reshape): [3] has 3 elements, the new shape does not"},
      {"const %c: f32[3] = [1, 2]", "malformed graph text: line 1: expected ',' at column 25"},
      {"const %c: f32[1] = [1, 2]", "malformed graph text: line 1: expected ']' at column 22"},
      {"const %c: f32[1] = ...", "malformed graph text: line 1: expected '[' at column 20"},
      {"const %c: f32[4000000000] = splat(1)",
       "too large: line 1: 'c' is larger than 1073741824 bytes, the most that a tensor may have"},
      {"const %c: u8[5000000] = splat(1)",
       "too large: line 1: constants in text may have 4194304 elements at most"},
      {"input %x: f32[1,1,1,1,1,1,1]",
       "unsupported type: line 1: 'x' has 7 dimensions, at most 6 are supported"},
      {"input %x: f32[-1]", "shape mismatch: line 1: 'x' has dimension -1, dimensions must not be negative"},
      {"input %x: f32[99999999999999999999]",
       "malformed graph text: line 1: expected a whole number at column 15"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(error_of(parse_graph(text)), message) << text;
}

TEST(Text, NamesHoldNoControlCharacters) {
  EXPECT_FALSE(parse_graph(std::string_view("input %a\0b: f32[1]", 18)));
}

// The values are part of the text format: every target draws the same.
TEST(FillRandom, DrawsFixedValues) {
  const Graph graph = parse(R"(const %a: f32[4] = random(7)
const %b: f32[4] = random(8)
output %a
output %b)");
  const testing::Values values = testing::run(graph, {});
  // PCG-XSH-RR with state 0x853c49e6748fea9b + seed, its first output dropped, the top 24 bits as [-1, 1).
  const auto expected = [](uint32_t seed) {
    std::vector<double> result;
    uint64_t state = 0x853c49e6748fea9bULL + seed;
    for (int i = 0; i < 5; ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      const uint32_t mixed = static_cast<uint32_t>(((state >> 18) ^ state) >> 27);
      const int rotation = static_cast<int>(state >> 59);
      const uint32_t bits = std::rotr(mixed, rotation);
      if (i > 0) result.push_back((bits >> 8) / 8388608.0 - 1);
    }
    return result;
  };
  EXPECT_EQ(values[0], expected(7));
  EXPECT_EQ(values[1], expected(8));
}

TEST(FillRandom, CoversTheRangeOfEachType) {
  auto check = [](DType dtype, double low, double high, auto accept) {
    auto tensor = Tensor::zeros(dtype, {2000});
    ASSERT_TRUE(tensor);
    fill_random(tensor->view(), 3, low, high);
    double least = INFINITY, most = -INFINITY;
    for (int64_t i = 0; i < 2000; ++i) {
      const double value = tensor->at(i);
      ASSERT_TRUE(accept(value)) << value;
      least = std::min(least, value);
      most = std::max(most, value);
    }
    EXPECT_LT(least, low + 0.1 * (high - low));
    EXPECT_GE(most, low + 0.85 * (high - low));
  };
  check(DType::F32, -3, 5, [](double v) { return v >= -3 && v < 5; });
  check(DType::I32, -10, 10, [](double v) { return v >= -10 && v < 10 && v == std::floor(v); });
  check(DType::Bool, 0, 1, [](double v) { return v == 0 || v == 1; });
}

}  // namespace
}  // namespace linnet

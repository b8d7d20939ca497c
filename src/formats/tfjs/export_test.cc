// Models written and read back compute the same.
#include "formats/tfjs/export.h"

#include <gtest/gtest.h>

#include "formats/tfjs/test_model.h"
#include "graph/op_def.h"
#include "passes/pipeline.h"
#include "passes/test_pass.h"

namespace linnet {
namespace {

using namespace testing;

// What the reader makes of what the writer wrote.
Graph read_back(const TfjsExport& written) {
  auto model = TfjsModel::parse(written.model_json);
  EXPECT_TRUE(model) << error_of(model) << written.model_json;
  if (!model) return {};
  EXPECT_EQ((*model)->shard_count(), written.shards.size());
  for (size_t i = 0; i < written.shards.size(); ++i) {
    EXPECT_EQ((*model)->shard_path(i), written.shards[i].path);
    const auto set = (*model)->set_shard(i, std::as_bytes(std::span(written.shards[i].bytes)));
    EXPECT_TRUE(set) << error_of(set);
  }
  auto graph = (*model)->to_graph({});
  EXPECT_TRUE(graph) << error_of(graph) << written.model_json;
  return graph ? std::move(*graph) : Graph();
}

bool has_codes(const Graph& graph) {
  return std::ranges::any_of(graph.nodes(), [&](const Node& node) {
    return std::ranges::any_of(node.inputs, [&](ValueId id) { return graph.value(id).dtype == DType::I8; }) ||
           node.op == Op::quantize;
  });
}

TEST(Export, KeepsTheResultsOfEveryOpCase) {
  int written_cases = 0;
#define LINNET_OP(name)                                                  \
  for (const char* text : op_def(Op::name).cases) {                      \
    SCOPED_TRACE(text);                                                  \
    const Graph before = parse(text);                                    \
    const auto written = export_tfjs(before, {});                        \
    if (has_codes(before)) {                                             \
      EXPECT_FALSE(written&& before.node(0).op == Op::quantized_conv2d); \
      continue;                                                          \
    }                                                                    \
    ASSERT_TRUE(written) << error_of(written);                           \
    const Graph after = read_back(*written);                             \
    ASSERT_EQ(after.inputs.size(), before.inputs.size());                \
    expect_same_results(before, after, 1e-6);                            \
    ++written_cases;                                                     \
  }
#include "graph/ops.def"
#undef LINNET_OP
  EXPECT_GT(written_cases, 60);
}

TEST(Export, KeepsTheResultsOfEveryOperator) {
#define LINNET_EXPR(name, arity, type_rule, low, high, body)                                     \
  if (std::string_view(#type_rule) != "Logical") {                                               \
    std::string text, operands, arguments;                                                       \
    for (int i = 0; i < arity; ++i) {                                                            \
      const bool condition = std::string_view(#type_rule) == "Select" && i == 0;                 \
      text += "input %x" + std::to_string(i) + (condition ? ": bool[3,5]\n" : ": f32[3,5]\n");   \
      operands += (i > 0 ? ", %x" : "%x") + std::to_string(i);                                   \
      arguments += (i > 0 ? ", $" : "$") + std::to_string(i);                                    \
    }                                                                                            \
    text += "%y = elementwise(" + operands + ") {expr=" #name "(" + arguments + ")}\noutput %y"; \
    SCOPED_TRACE(text);                                                                          \
    const Graph before = parse(text);                                                            \
    const auto written = export_tfjs(before, {});                                                \
    ASSERT_TRUE(written) << error_of(written);                                                   \
    const Graph after = read_back(*written);                                                     \
    const Values inputs = random_inputs(before, 1, low, high);                                   \
    EXPECT_LE(difference(run(before, inputs)[0], run(after, inputs)[0]), 1e-6);                  \
  }
#include "graph/expr_ops.def"
#undef LINNET_EXPR
}

constexpr const char* kModel = R"(
input %image: f32[1,8,8,3] as "picture"
const %w1: f32[3,3,3,8] = random(1)
const %b1: f32[8] = random(2)
const %w2: f32[3,3,8,1] = random(3)
const %w3: f32[32,5] = random(4)
%a: f32[1,4,4,8] = conv2d(%image, %w1, %b1) {pads=[0,1,0,1], strides=[2,2]}
%c = elementwise(%a) {expr=relu6($0)}
%d = depthwise_conv2d(%c, %w2) {pads=[1,1,1,1]}
%m = max_pool(%d) {kernel=[2,2], strides=[2,2]}
%r = reshape(%m) {shape=[1,32]}
%s = matmul(%r, %w3)
output %s as "scores"
output %m)";

TEST(Export, KeepsNamesOfPortsAndValues) {
  const auto written = export_tfjs(parse(kModel), {.metadata = R"({"fit":"crop"})"});
  ASSERT_TRUE(written);
  const Graph graph = read_back(*written);
  EXPECT_EQ(graph.inputs[0].name, "picture");
  EXPECT_EQ(graph.outputs[0].name, "scores");
  EXPECT_EQ(graph.outputs[1].name, "m");
  for (const char* name : {"image", "d", "m", "r", "s", "w1"})
    EXPECT_NE(graph.find_value(name), kNone) << name;
  EXPECT_EQ((*TfjsModel::parse(written->model_json))->metadata_json(), R"({"fit":"crop"})");
}

// After the passes that calibration sees, names are those from before.
TEST(Export, GivesFoldedValuesTheirNames) {
  Graph graph = parse(kModel);
  ASSERT_TRUE(simplify(graph));
  const auto written = export_tfjs(graph, {});
  ASSERT_TRUE(written);
  Graph again = read_back(*written);
  ASSERT_TRUE(simplify(again));
  ASSERT_EQ(again.node_count(), graph.node_count());
  for (NodeId id = 0; id < graph.node_count(); ++id)
    EXPECT_EQ(again.value(again.node(id).outputs[0]).name, graph.value(graph.node(id).outputs[0]).name);
}

TEST(Export, StoresHalvesAndCodes) {
  const Graph before = parse(kModel);
  const auto size_of = [](const TfjsExport& written) {
    size_t bytes = 0;
    for (const TfjsFile& shard : written.shards) bytes += shard.bytes.size();
    return bytes;
  };
  const auto store = [&](WeightStorage storage) {
    auto written = export_tfjs(before, {.storage = [=](const Graph&, ValueId) { return storage; }});
    EXPECT_TRUE(written);
    return std::move(*written);
  };
  const TfjsExport full = store(WeightStorage::Full), half = store(WeightStorage::Half),
                   codes = store(WeightStorage::Codes);
  const size_t weights = 3 * 3 * 3 * 8 + 3 * 3 * 8 + 32 * 5;
  EXPECT_EQ(size_of(full) - size_of(half), 2 * weights);
  EXPECT_EQ(size_of(full) - size_of(codes), 3 * weights - 4 * (8 + 8 + 5));
  expect_same_results(before, read_back(half), 1e-3);
  expect_same_results(before, read_back(codes), 0.02);
  EXPECT_NE(half.model_json.find("float16"), std::string::npos);
}

TEST(Export, CutsShards) {
  const auto written = export_tfjs(parse(kModel), {.shard_bytes = 1000});
  ASSERT_TRUE(written);
  EXPECT_GT(written->shards.size(), 1u);
  for (const TfjsFile& shard : written->shards) EXPECT_LE(shard.bytes.size(), 1000u);
  expect_same_results(parse(kModel), read_back(*written), 1e-6);
}

TEST(Export, NamesWhatItCannotWrite) {
  const auto written = export_tfjs(parse("input %x: f32[2]\n%q = quantize(%x) {scale=1}\n"
                                         "%y = dequantize(%q) {scale=1}\noutput %y"),
                                   {});
  EXPECT_EQ(error_of(written), "unsupported op: node 'q' (quantize): TensorFlow.js has no op for quantize");
}

}  // namespace
}  // namespace linnet

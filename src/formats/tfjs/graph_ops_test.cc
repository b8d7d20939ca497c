// How TensorFlow's ops are mapped: small models with answers worked out by hand.
#include <cmath>

#include "formats/tfjs/graph_op.h"
#include "formats/tfjs/test_model.h"

namespace linnet {
namespace {

using namespace testing;
using Rows = std::vector<std::vector<double>>;

// A model of one node `y` over the placeholder `x`; further inputs are constants that the caller adds.
ModelText one(const std::string& op, const std::vector<int64_t>& dims,
              const std::vector<std::string>& inputs = {"x"}, const std::string& attrs = "{}") {
  ModelText model;
  model.placeholder("x", dims).node("y", op, inputs, attrs);
  return model;
}

Shape output_shape(const Graph& graph) {
  return graph.value(graph.outputs[0].value).shape;
}

constexpr const char* kSame = R"("padding":{"s":"U0FNRQ=="})";
constexpr const char* kValid = R"("padding":{"s":"VkFMSUQ="})";

std::string window(const char* padding, const std::vector<int64_t>& strides, const std::string& more = "") {
  return "{" + std::string(padding) + "," + ints_attr("strides", strides) + (more.empty() ? "" : "," + more) +
         "}";
}

TEST(GraphOps, UnaryOps) {
  const std::pair<const char*, std::vector<double>> cases[] = {
      {"Relu", {0, 0.25, 7}},
      {"Relu6", {0, 0.25, 6}},
      {"Neg", {1, -0.25, -7}},
      {"Abs", {1, 0.25, 7}},
      {"Square", {1, 0.0625, 49}},
      {"Reciprocal", {-1, 4, 1. / 7}},
      {"Floor", {-1, 0, 7}},
      {"Ceil", {-1, 1, 7}},
      {"Identity", {-1, 0.25, 7}},
      {"Elu", {std::exp(-1.) - 1, 0.25, 7}},
      {"Sigmoid", {1 / (1 + std::exp(1.)), 1 / (1 + std::exp(-0.25)), 1 / (1 + std::exp(-7.))}},
  };
  for (const auto& [op, expected] : cases) {
    SCOPED_TRACE(op);
    expect_near(run(graph_of(one(op, {3})), {{-1, 0.25, 7}})[0], expected);
  }
  EXPECT_NE(import_error(one("Sqrt", {3}, {"x", "x"})).find("has 2 inputs, needs 1"), std::string::npos);
}

TEST(GraphOps, BinaryOpsKeepTheirOrder) {
  const std::pair<const char*, std::vector<double>> cases[] = {
      {"Sub", {1, -6}},     {"RealDiv", {1.5, 0.25}}, {"Maximum", {3, 8}},  {"Minimum", {2, 2}},
      {"FloorDiv", {1, 0}}, {"FloorMod", {1, 2}},     {"Pow", {9, 256}},    {"SquaredDifference", {1, 36}},
      {"AddV2", {5, 10}},   {"Mul", {6, 16}},         {"BiasAdd", {5, 10}},
  };
  for (const auto& [op, expected] : cases) {
    SCOPED_TRACE(op);
    ModelText model = one(op, {2}, {"x", "c"});
    model.constant("c", {2}, {2, 8});
    expect_near(run(graph_of(model), {{3, 2}})[0], expected);
  }
}

TEST(GraphOps, AddNClipAndLeakyRelu) {
  ModelText sum = one("AddN", {2}, {"x", "c", "x"}), clip = one("ClipByValue", {4}, {"x", "lo", "hi"});
  sum.constant("c", {2}, {10, 20});
  expect_near(run(graph_of(sum), {{1, 2}})[0], {12, 24});
  clip.constant("lo", {}, {-1}).constant("hi", {}, {2});
  expect_near(run(graph_of(clip), {{-5, -1, 1, 5}})[0], {-1, -1, 1, 2});
  expect_near(run(graph_of(one("LeakyRelu", {2}, {"x"}, R"({"alpha":{"f":0.5}})")), {{-2, 2}})[0], {-1, 2});
  expect_near(run(graph_of(one("LeakyRelu", {2})), {{-2, 2}})[0], {-0.4, 2});
}

TEST(GraphOps, ComparisonAndSelect) {
  ModelText model;
  model.placeholder("x", {2, 2}).placeholder("c", {2}, "DT_BOOL").constant("z", {}, {0});
  model.node("g", "Greater", {"x", "z"}).node("v2", "SelectV2", {"g", "x", "z"}).node("nx", "Neg", {"x"});
  // One condition for each row.
  model.node("v1", "Select", {"c", "x", "nx"});
  const Rows out = run(graph_of(model), {{1, -2, -3, 4}, {1, 0}});
  expect_near(out[0], {1, 0, 0, 4});
  expect_near(out[1], {1, -2, 3, -4});
}

TEST(GraphOps, Reductions) {
  const std::pair<const char*, std::vector<double>> cases[] = {
      {"Sum", {6, 15}}, {"Mean", {2, 5}}, {"Max", {3, 6}}, {"Min", {1, 4}}, {"Prod", {6, 120}}};
  for (const auto& [op, expected] : cases) {
    SCOPED_TRACE(op);
    ModelText model = one(op, {2, 3}, {"x", "axes"});
    model.constant("axes", {-1});
    const Graph graph = graph_of(model);
    EXPECT_EQ(output_shape(graph), (Shape{2}));
    expect_near(run(graph, {iota(6, 1)})[0], expected);
  }
  ModelText keep = one("Mean", {2, 3}, {"x", "axis"}, R"({"keep_dims":{"b":true}})");
  keep.scalar("axis", 0);
  EXPECT_EQ(output_shape(graph_of(keep)), (Shape{1, 3}));
  ModelText none = one("Sum", {2}, {"x", "axes"});
  none.constant("axes", std::vector<int32_t>{});
  expect_near(run(graph_of(none), {{1, 2}})[0], {1, 2});
  ModelText bad = one("Sum", {2, 3}, {"x", "axes"});
  bad.constant("axes", {2});
  EXPECT_NE(import_error(bad).find("node 'y' (Sum): reduction: axis 2 is out of range for 2 dimensions"),
            std::string::npos);
}

TEST(GraphOps, InputsThatMustBeConstantAreNamed) {
  ModelText model;
  model.placeholder("x", {2, 3}).placeholder("axes", {1}, "DT_INT32").node("y", "Sum", {"x", "axes"});
  EXPECT_EQ(import_error(model),
            "unsupported op: node 'y' (Sum): input 1 ('axes', the axes) must be a constant");
  ModelText floats = one("Sum", {2}, {"x", "axes"});
  floats.constant("axes", {1}, {0});
  EXPECT_EQ(import_error(floats), "type mismatch: node 'y' (Sum): the axes must be i32, is f32");
}

TEST(GraphOps, ConstantsMayComeThroughOtherNodes) {
  // The shape is [batch, -1], as Keras writes Flatten for an open batch.
  ModelText model;
  model.placeholder("x", {-1, 2, 3}).node("shape", "Shape", {"x"});
  model.node("batch", "StridedSlice", {"shape", "b", "e", "s"}, R"({"shrink_axis_mask":{"i":"1"}})");
  model.constant("b", {0}).constant("e", {1}).constant("s", {1}).scalar("rest", -1);
  model.node("pack", "Pack", {"batch", "rest_id"}, R"({"axis":{"i":"0"}})")
      .node("rest_id", "Identity", {"rest"});
  model.node("y", "Reshape", {"x", "pack"});
  const Graph graph = graph_of(model, {.batch = 2, .input_shapes = {}});
  EXPECT_EQ(output_shape(graph), (Shape{2, 6}));
  EXPECT_EQ(graph.node_count(), 1u);
}

TEST(GraphOps, MatMulsAndTheirTransposes) {
  ModelText plain = one("MatMul", {1, 2}, {"x", "w"}, R"({"transpose_b":{"b":true}})");
  plain.constant("w", {3, 2}, {1, 2, 3, 4, 5, 6});
  expect_near(run(graph_of(plain), {{1, 10}})[0], {21, 43, 65});
  ModelText batched = one("BatchMatMulV2", {2, 2, 1}, {"x", "w"}, R"({"adj_x":{"b":true}})");
  batched.constant("w", {2, 1}, {1, 10});
  expect_near(run(graph_of(batched), {{1, 2, 3, 4}})[0], {21, 43});
  // "BiasAdd", "Relu6"
  ModelText fused = one("_FusedMatMul", {1, 2}, {"x", "w", "b"},
                        R"({"fused_ops":{"list":{"s":["Qmlhc0FkZA==","UmVsdTY="]}}})");
  fused.constant("w", {2, 2}, {1, 2, 3, 4}).constant("b", {2}, {-5, 100});
  expect_near(run(graph_of(fused), {{1, 1}})[0], {0, 6});
}

TEST(GraphOps, PaddingFollowsTensorFlow) {
  // SAME over 4 with a window of 3 and stride 2 pads nothing before and one after; over 5 it pads one on each
  // side.
  for (const int64_t size : {4, 5}) {
    ModelText model = one("Conv2D", {1, size, size, 1}, {"x", "w"}, window(kSame, {1, 2, 2, 1}));
    model.constant("w", {3, 3, 1, 1}, std::vector<float>(9, 1));
    const Graph graph = graph_of(model);
    const int64_t before = size == 4 ? 0 : 1;
    const auto pads = graph.node(0).attrs.get_ints(Attr::pads);
    EXPECT_EQ(Ints(pads.begin(), pads.end()), (Ints{before, 1, before, 1}));
    const Rows out = run(graph, {std::vector<double>(static_cast<size_t>(size * size), 1)});
    expect_near(out[0],
                size == 4 ? std::vector<double>{9, 6, 6, 4} : std::vector<double>{4, 6, 4, 6, 9, 6, 4, 6, 4});
  }
  ModelText valid = one("Conv2D", {1, 4, 4, 1}, {"x", "w"},
                        window(kValid, {1, 1, 1, 1}, ints_attr("dilations", {1, 3, 2, 1})));
  valid.constant("w", {2, 2, 1, 1}, {1, 0, 0, 1});
  expect_near(run(graph_of(valid), {iota(16)})[0], {14, 16});
  // "EXPLICIT"
  ModelText given = one("Conv2D", {1, 1, 1, 1}, {"x", "w"},
                        window(R"("padding":{"s":"RVhQTElDSVQ="})", {1, 1, 1, 1},
                               ints_attr("explicit_paddings", {0, 0, 1, 0, 0, 2, 0, 0})));
  given.constant("w", {1, 1, 1, 1}, {3});
  const Graph graph = graph_of(given);
  EXPECT_EQ(output_shape(graph), (Shape{1, 2, 3, 1}));
  expect_near(run(graph, {{1}})[0], {0, 0, 0, 3, 0, 0});
}

TEST(GraphOps, ConvolutionFaults) {
  const std::pair<std::string, const char*> cases[] = {
      {window(R"("padding":{"s":"Tk9ORQ=="})", {1, 1, 1, 1}), "padding 'NONE' is unknown"},
      {window(R"("padding":{"s":"!"})", {1, 1, 1, 1}), "is not base64"},
      {"{}", "padding '' is unknown"},
      {window(kSame, {2, 1, 1, 1}), "strides over batch or channels"},
      {window(kSame, {1, 1, 1}), "strides must have 4 numbers"},
      {window(kSame, {1, 0, 1, 1}), "node 'y': a stride of 0; it must be from 1 to"},
      {window(kSame, {1, 9223372036854775807, 1, 1}), "it must be from 1 to"},
      {window(kSame, {1, 1, 1, 1}, R"("data_format":{"s":"TkNIVw=="})"),
       "data_format 'NCHW' is not supported"},
      {window(R"("padding":{"s":"RVhQTElDSVQ="})", {1, 1, 1, 1}), "explicit_paddings must have 8 numbers"},
  };
  for (const auto& [attrs, expected] : cases) {
    ModelText model = one("Conv2D", {1, 4, 4, 1}, {"x", "w"}, attrs);
    model.constant("w", {1, 1, 1, 1}, {1});
    const std::string error = import_error(model);
    EXPECT_NE(error.find(expected), std::string::npos) << attrs << "\n" << error;
  }
  ModelText flat = one("Conv2D", {4, 4}, {"x", "w"}, window(kSame, {1, 1, 1, 1}));
  flat.constant("w", {1, 1, 1, 1}, {1});
  EXPECT_NE(import_error(flat).find("the input has shape [4,4]"), std::string::npos);
  ModelText channels = one("Conv2D", {1, 4, 4, 2}, {"x", "w"}, window(kSame, {1, 1, 1, 1}));
  channels.constant("w", {1, 1, 1, 1}, {1});
  EXPECT_NE(import_error(channels).find("input channels differ"), std::string::npos);
}

// A convolution of one pixel with weight 2 and bias 1, followed by what `fused_ops` names.
std::vector<double> fused(const std::string& op, const std::string& fused_ops,
                          std::vector<std::string> inputs, const std::string& more = "") {
  ModelText model =
      one(op, {1, 1, 2, 1}, inputs,
          window(kValid, {1, 1, 1, 1}, R"("fused_ops":{"list":{"s":)" + fused_ops + "}}" + more));
  model.constant("w", {1, 1, 1, 1}, {2}).constant("b", {1}, {1}).constant("alpha", {1, 1, 1}, {0.25});
  model.constant("mean", {1}, {3}).constant("var", {1}, {4});
  return run(graph_of(model), {{-3, 4}})[0];
}

TEST(GraphOps, FusedOps) {
  for (const char* op : {"_FusedConv2D", "FusedDepthwiseConv2dNative"}) {
    SCOPED_TRACE(op);
    expect_near(fused(op, "[]", {"x", "w"}), {-6, 8});
    expect_near(fused(op, R"(["Qmlhc0FkZA=="])", {"x", "w", "b"}), {-5, 9});
    expect_near(fused(op, R"(["Qmlhc0FkZA==","UmVsdQ=="])", {"x", "w", "b"}), {0, 9});
    expect_near(fused(op, R"(["Qmlhc0FkZA==","UmVsdTY="])", {"x", "w", "b"}), {0, 6});
    expect_near(fused(op, R"(["UmVsdQ=="])", {"x", "w"}), {0, 8});
    // Elu, Prelu, LeakyRelu, Sigmoid.
    expect_near(fused(op, R"(["Qmlhc0FkZA==","RWx1"])", {"x", "w", "b"}), {std::exp(-5.) - 1, 9});
    expect_near(fused(op, R"(["Qmlhc0FkZA==","UHJlbHU="])", {"x", "w", "b", "alpha"}), {-1.25, 9});
    expect_near(
        fused(op, R"(["Qmlhc0FkZA==","TGVha3lSZWx1"])", {"x", "w", "b"}, R"(,"leakyrelu_alpha":{"f":0.5})"),
        {-2.5, 9});
    expect_near(fused(op, R"(["Qmlhc0FkZA==","U2lnbW9pZA=="])", {"x", "w", "b"}),
                {1 / (1 + std::exp(5.)), 1 / (1 + std::exp(-9.))});
    // FusedBatchNorm with scale, offset, mean and variance: (v - 3) / 2 * 2 + 1.
    expect_near(fused(op, R"(["RnVzZWRCYXRjaE5vcm0=","UmVsdQ=="])", {"x", "w", "b", "b", "mean", "var"},
                      R"(,"epsilon":{"f":0})"),
                {0, (8 - 3) / 2. + 1});
    // Bytes as numbers.
    expect_near(fused(op, "[[66,105,97,115,65,100,100]]", {"x", "w", "b"}), {-5, 9});
  }
}

TEST(GraphOps, FusedFaults) {
  const auto error = [](const std::string& fused_ops, const std::vector<std::string>& inputs) {
    ModelText model = one("_FusedConv2D", {1, 1, 2, 1}, inputs,
                          window(kValid, {1, 1, 1, 1}, R"("fused_ops":{"list":{"s":)" + fused_ops + "}}"));
    model.constant("w", {1, 1, 1, 1}, {2}).constant("b", {1}, {1});
    return import_error(model);
  };
  EXPECT_EQ(error(R"(["Qmlhc0FkZA=="])", {"x", "w"}),
            "malformed model: node 'y' (_FusedConv2D): the inputs of fused op 'BiasAdd' are missing");
  EXPECT_EQ(error(R"(["Qmlhc0FkZA=="])", {"x", "w", "b", "b"}),
            "malformed model: node 'y' (_FusedConv2D): has 4 inputs, its fused ops use 3");
  EXPECT_EQ(error(R"(["Qmlhc0FkZA==","QWRk"])", {"x", "w", "b"}),
            "unsupported op: node 'y' (_FusedConv2D): fused op 'Add' is not supported");
  EXPECT_EQ(error(R"(["UmVsdQ==","Qmlhc0FkZA=="])", {"x", "w", "b"}),
            "unsupported op: node 'y' (_FusedConv2D): fused op 'Relu' is not supported at place 0");
}

TEST(GraphOps, TransposedConvolution) {
  ModelText model;
  model.placeholder("x", {-1, 2, 1, 1})
      .constant("size", {1, 4, 2, 1})
      .constant("w", {2, 2, 1, 1}, {1, 2, 3, 4});
  model.node("y", "Conv2DBackpropInput", {"size", "w", "x"}, window(kSame, {1, 2, 2, 1}));
  expect_near(run(graph_of(model), {{1, 10}})[0], {1, 2, 3, 4, 10, 20, 30, 40});
  ModelText bad;
  bad.placeholder("x", {-1, 2, 1, 1})
      .constant("size", {1, 9, 2, 1})
      .constant("w", {2, 2, 1, 1}, {1, 2, 3, 4});
  bad.node("y", "Conv2DBackpropInput", {"size", "w", "x"}, window(kSame, {1, 2, 2, 1}));
  EXPECT_NE(import_error(bad).find("node 'y'"), std::string::npos);
}

TEST(GraphOps, Pools) {
  const std::string attrs = window(kSame, {1, 2, 2, 1}, ints_attr("ksize", {1, 2, 2, 1}));
  // The average leaves the border out.
  expect_near(run(graph_of(one("AvgPool", {1, 3, 3, 1}, {"x"}, attrs)), {iota(9)})[0], {2, 3.5, 6.5, 8});
  expect_near(run(graph_of(one("MaxPool", {1, 3, 3, 1}, {"x"}, attrs)), {iota(9, -9)})[0], {-5, -4, -2, -1});
}

TEST(GraphOps, BatchNorms) {
  for (const char* op : {"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"}) {
    ModelText model =
        one(op, {1, 1, 2, 1}, {"x", "scale", "offset", "mean", "var"}, R"({"epsilon":{"f":0.75}})");
    model.constant("scale", {1}, {3})
        .constant("offset", {1}, {10})
        .constant("mean", {1}, {1})
        .constant("var", {1}, {0.25});
    expect_near(run(graph_of(model), {{1, 3}})[0], {10, 16});
  }
}

TEST(GraphOps, ResizeSoftmaxAndCast) {
  ModelText resize = one("ResizeBilinear", {1, 1, 2, 1}, {"x", "size"}, R"({"align_corners":{"b":true}})");
  resize.constant("size", {1, 3});
  expect_near(run(graph_of(resize), {{2, 4}})[0], {2, 3, 4});
  expect_near(run(graph_of(one("Softmax", {1, 2})), {{0, std::log(3.)}})[0], {0.25, 0.75});
  const Graph cast = graph_of(one("Cast", {3}, {"x"}, R"({"SrcT":{"type":"DT_FLOAT"},"DstT":{"type":3}})"));
  EXPECT_EQ(cast.value(cast.outputs[0].value).dtype, DType::I32);
  expect_near(run(cast, {{1.5, -1.5, 2}})[0], {1, -1, 2});
}

TEST(GraphOps, Reshapes) {
  ModelText reshape = one("Reshape", {2, 3}, {"x", "shape"}), squeeze = one("Squeeze", {1, 2, 1, 3}),
            some = one("Squeeze", {1, 2, 1, 3}, {"x"}, "{" + ints_attr("squeeze_dims", {-2}) + "}"),
            expand = one("ExpandDims", {2, 3}, {"x", "axis"}),
            bad = one("Squeeze", {1, 2, 1, 3}, {"x"}, "{" + ints_attr("squeeze_dims", {1}) + "}");
  reshape.constant("shape", {3, -1});
  expand.scalar("axis", -1);
  EXPECT_EQ(output_shape(graph_of(reshape)), (Shape{3, 2}));
  EXPECT_EQ(output_shape(graph_of(squeeze)), (Shape{2, 3}));
  EXPECT_EQ(output_shape(graph_of(some)), (Shape{1, 2, 3}));
  EXPECT_EQ(output_shape(graph_of(expand)), (Shape{2, 3, 1}));
  EXPECT_NE(import_error(bad).find("axis 1 of [1,2,1,3] cannot be squeezed"), std::string::npos);
  ModelText wrong = one("Reshape", {2, 3}, {"x", "shape"});
  wrong.constant("shape", {4, -1});
  EXPECT_NE(import_error(wrong).find("node 'y' (reshape)"), std::string::npos);
}

TEST(GraphOps, TransposeConcatAndPads) {
  ModelText transpose = one("Transpose", {2, 3}, {"x", "perm"}),
            concat = one("ConcatV2", {2, 1}, {"x", "c", "axis"}), pad = one("Pad", {2}, {"x", "pads"}),
            value = one("PadV2", {2}, {"x", "pads", "v"}),
            mirror = one("MirrorPad", {3}, {"x", "pads"}, R"({"mode":{"s":"UkVGTEVDVA=="}})");
  transpose.constant("perm", {1, 0});
  expect_near(run(graph_of(transpose), {iota(6)})[0], {0, 3, 1, 4, 2, 5});
  concat.constant("c", {2, 2}, {5, 6, 7, 8}).scalar("axis", -1);
  expect_near(run(graph_of(concat), {{1, 2}})[0], {1, 5, 6, 2, 7, 8});
  for (ModelText* model : {&pad, &value, &mirror}) model->node("pads", "Const").ints("pads", {1, 2}, {1, 2});
  value.constant("v", {}, {-7});
  expect_near(run(graph_of(pad), {{1, 2}})[0], {0, 1, 2, 0, 0});
  expect_near(run(graph_of(value), {{1, 2}})[0], {-7, 1, 2, -7, -7});
  expect_near(run(graph_of(mirror), {{1, 2, 3}})[0], {2, 1, 2, 3, 2, 1});
}

std::vector<double> strided(const std::vector<int32_t>& begin, const std::vector<int32_t>& end,
                            const std::vector<int32_t>& strides, const std::string& masks,
                            Shape* shape = nullptr) {
  ModelText model = one("StridedSlice", {3, 4}, {"x", "b", "e", "s"}, "{" + masks + "}");
  model.constant("b", begin).constant("e", end).constant("s", strides);
  const Graph graph = graph_of(model);
  if (shape != nullptr) *shape = output_shape(graph);
  return run(graph, {iota(12)})[0];
}

TEST(GraphOps, Slices) {
  ModelText slice = one("Slice", {3, 4}, {"x", "b", "s"});
  slice.constant("b", {1, 1}).constant("s", {-1, 2});
  expect_near(run(graph_of(slice), {iota(12)})[0], {5, 6, 9, 10});
  ModelText bad = one("Slice", {3, 4}, {"x", "b", "s"});
  bad.constant("b", {1, 1}).constant("s", {3, 2});
  EXPECT_NE(import_error(bad).find("begin 1 and size 3 do not fit axis 0"), std::string::npos);

  expect_near(strided({1, 0}, {3, 4}, {1, 2}, ""), {4, 6, 8, 10});
  expect_near(strided({-1, -2}, {100, 100}, {1, 1}, ""), {10, 11});
  // begin_mask, end_mask: x[:2, 3:]
  expect_near(strided({9, 3}, {2, 0}, {1, 1}, R"("begin_mask":{"i":1},"end_mask":{"i":"2"})"), {3, 7});
  // x[::-1, ::-3]
  expect_near(strided({0, 0}, {0, 0}, {-1, -3}, R"("begin_mask":{"i":3},"end_mask":{"i":3})"),
              {11, 8, 7, 4, 3, 0});
  Shape shape;
  // x[1], x[..., -1], x[:, newaxis, 0:2]
  expect_near(strided({1}, {2}, {1}, R"("shrink_axis_mask":{"i":1})", &shape), {4, 5, 6, 7});
  EXPECT_EQ(shape, (Shape{4}));
  expect_near(
      strided({0, -1}, {0, 0}, {1, 1}, R"("ellipsis_mask":{"i":1},"shrink_axis_mask":{"i":2})", &shape),
      {3, 7, 11});
  EXPECT_EQ(shape, (Shape{3}));
  expect_near(strided({0, 0, 0}, {1, 0, 2}, {1, 1, 1}, R"("new_axis_mask":{"i":2})", &shape), {0, 1});
  EXPECT_EQ(shape, (Shape{1, 1, 2}));
  expect_near(strided({2}, {1}, {1}, "", &shape), {});
  EXPECT_EQ(shape, (Shape{0, 4}));

  const auto error = [](const std::vector<int32_t>& begin, const std::vector<int32_t>& strides,
                        const std::string& masks) {
    ModelText model = one("StridedSlice", {3, 4}, {"x", "b", "b", "s"}, "{" + masks + "}");
    model.constant("b", begin).constant("s", strides);
    return import_error(model);
  };
  EXPECT_NE(error({0}, {0}, "").find("the stride of axis 0 is 0"), std::string::npos);
  EXPECT_NE(error({0}, {1, 1}, "").find("must have the same length"), std::string::npos);
  EXPECT_NE(error({0, 0, 0}, {1, 1, 1}, "").find("3 indices for [3,4]"), std::string::npos);
  EXPECT_NE(error({5}, {1}, R"("shrink_axis_mask":{"i":1})").find("axis 5 is out of range"),
            std::string::npos);
  EXPECT_NE(error({0, 0}, {1, 1}, R"("ellipsis_mask":{"i":3})").find("ellipsis_mask"), std::string::npos);
}

TEST(GraphOps, Splits) {
  ModelText split;
  split.placeholder("x", {2, 4})
      .scalar("axis", 1)
      .node("s", "Split", {"axis", "x"}, R"({"num_split":{"i":"2"}})");
  split.node("y", "Sub", {"s:1", "s"});
  expect_near(run(graph_of(split), {{1, 2, 30, 40, 5, 6, 70, 80}})[0], {29, 38, 65, 74});
  ModelText sizes;
  sizes.placeholder("x", {4})
      .constant("n", {1, -1})
      .scalar("axis", 0)
      .node("s", "SplitV", {"x", "n", "axis"});
  sizes.node("y", "Neg", {"s:1"});
  expect_near(run(graph_of(sizes), {iota(4)})[0], {-1, -2, -3});
  ModelText unpack;
  unpack.placeholder("x", {2, 2})
      .node("u", "Unpack", {"x"}, R"({"axis":{"i":1},"num":{"i":2}})")
      .node("y", "Sub", {"u:1", "u:0"});
  expect_near(run(graph_of(unpack), {{1, 5, 2, 7}})[0], {4, 5});
  ModelText pack;
  pack.placeholder("x", {2}).constant("c", {2}, {8, 9}).node("y", "Pack", {"x", "c"}, R"({"axis":{"i":-1}})");
  expect_near(run(graph_of(pack), {{1, 2}})[0], {1, 8, 2, 9});
  ModelText bad;
  bad.placeholder("x", {2, 4})
      .scalar("axis", 1)
      .node("s", "Split", {"axis", "x"}, R"({"num_split":{"i":3}})");
  EXPECT_NE(import_error(bad).find("an axis of 4 cannot be split in 3"), std::string::npos);
}

TEST(GraphOps, TilesAndGathersRows) {
  ModelText tile;
  tile.placeholder("x", {1, 2}).constant("m", {2, 3}).node("y", "Tile", {"x", "m"});
  expect_near(run(graph_of(tile), {{1, 2}})[0], {1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2});
  const auto gather = [](const std::vector<float>& table) {
    ModelText model;
    model.placeholder("i", {1, 3}, "DT_INT32").constant("t", {4, 2}, table).scalar("axis", 0);
    return model.node("y", "GatherV2", {"t", "i", "axis"});
  };
  const Graph graph = graph_of(gather({0.1f, 1, 2, 3, 4, 5, 6, 7.3f}));
  EXPECT_EQ(output_shape(graph), (Shape{1, 3, 2}));
  // To the bit.
  EXPECT_EQ(run(graph, {{3, 0, 3}})[0], (std::vector<double>{6, 7.3f, 0.1f, 1, 6, 7.3f}));
  EXPECT_NE(
      import_error(gather({0, 1, 2, INFINITY, 4, 5, 6, 7})).find("only rows of a constant, finite f32 table"),
      std::string::npos);
}

TEST(GraphOps, TellsOfATableThatFindsNoMemory) {
  Builder builder;
  const auto scarce = [&](const char* name, DType dtype, const Shape& shape) {
    const auto none = []() -> Result<Buffer> { return fail(ErrorCode::OutOfMemory, "none is left"); };
    return builder.constant(name, lazy_tensor(dtype, shape, none));
  };
  const ValueId table = scarce("table", DType::F32, {4, 2});
  const ValueId rows = builder.graph.add_input("rows", DType::I32, {3});
  const ValueId zero = builder.constant("zero", *Tensor::of_i32({}, std::vector<int32_t>{0}));
  GraphOp gather(builder, "y", "GatherV2", Json(), {table, rows, zero});
  const auto imported = find_graph_op("GatherV2")->import(gather);
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().code(), ErrorCode::OutOfMemory) << error_of(imported);
}

// Whatever an op is given, it takes or refuses.
TEST(GraphOps, EveryOpStandsAnyInputs) {
  for (const auto& table : {math_graph_ops(), nn_graph_ops(), shape_graph_ops()}) {
    for (const GraphOpImport& entry : table) {
      SCOPED_TRACE(entry.op);
      for (const char* input : {"image", "flag", "one", "float"}) {
        for (const int count : {entry.min_inputs - 1, int{entry.min_inputs}, int{entry.min_inputs} + 1}) {
          if (count < 0) continue;
          ModelText model;
          model.placeholder("image", {1, 2, 2, 1}).placeholder("flag", {2}, "DT_BOOL").scalar("one", 1);
          model.constant("float", {1, 1, 1, 1}, {2});
          model.node("y", entry.op, std::vector<std::string>(static_cast<size_t>(count), input));
          model.root(R"("signature":{"outputs":{"y":{"name":"y"}}})");
          const auto graph = model.import();
          if (graph) EXPECT_TRUE(verify(*graph)) << error_of(verify(*graph));
        }
      }
    }
  }
}

}  // namespace
}  // namespace linnet

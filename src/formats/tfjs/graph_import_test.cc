// Topology, signatures, inputs and constants of graph models.
#include "formats/tfjs/test_model.h"

namespace linnet {
namespace {

using namespace testing;

ModelText square_model() {
  ModelText model;
  model.node("y", "Square", {"x"}).placeholder("x", {-1, 2});
  return model;
}

TEST(GraphImport, NodesMayComeInAnyOrder) {
  ModelText model;
  model.node("out", "Add", {"mid", "mid:0"})
      .node("mid", "Mul", {"x", "c"})
      .constant("c", {1}, {3})
      .placeholder("x", {2});
  const Graph graph = graph_of(model);
  EXPECT_EQ(run(graph, {{1, 2}}), (std::vector<std::vector<double>>{{6, 12}}));
}

TEST(GraphImport, WithoutASignaturePortsAreNamedByNode) {
  ModelText model;
  model.placeholder("a", {1})
      .placeholder("b", {1})
      .node("sum", "Add", {"a", "b"})
      .node("diff", "Sub", {"a", "b"});
  model.node("unused", "Const").floats("unused", {1}, {0}).node("init", "NoOp", {"^sum"});
  const Graph graph = graph_of(model);
  ASSERT_EQ(graph.inputs.size(), 2u);
  EXPECT_EQ(graph.inputs[0].name, "a");
  EXPECT_EQ(graph.inputs[1].name, "b");
  ASSERT_EQ(graph.outputs.size(), 2u);
  EXPECT_EQ(graph.outputs[0].name, "sum");
  EXPECT_EQ(graph.outputs[1].name, "diff");
}

TEST(GraphImport, SignaturesAreReadWhereverConvertersPutThem) {
  const std::string signature =
      R"("signature":{"inputs":{"image":{"name":"x:0"}},"outputs":{"result":{"name":"y:0"},"again":{"name":"y"}}})";
  ModelText top = square_model(), metadata = square_model(), within;
  top.root(signature);
  metadata.root("\"userDefinedMetadata\":{" + signature + "}");
  within.topology(
      R"({"node":[{"name":"x","op":"Placeholder","attr":{"shape":{"shape":{"dim":[{"size":-1},{"size":2}]}}}},
                             {"name":"y","op":"Square","input":["x"]}],)" +
      signature + "}");
  for (const ModelText& model : {top, metadata, within}) {
    const Graph graph = graph_of(model);
    ASSERT_EQ(graph.inputs.size(), 1u);
    EXPECT_EQ(graph.inputs[0].name, "image");
    ASSERT_EQ(graph.outputs.size(), 2u);
    EXPECT_EQ(graph.outputs[0].name, "result");
    EXPECT_EQ(graph.outputs[1].name, "again");
    EXPECT_EQ(run(graph, {{2, 3}}), (std::vector<std::vector<double>>{{4, 9}, {4, 9}}));
  }
}

TEST(GraphImport, ASignatureMayGiveKeysAlone) {
  ModelText model = square_model();
  model.root(R"("signature":{"outputs":{"y":{}}})");
  const Graph graph = graph_of(model);
  EXPECT_EQ(graph.inputs[0].name, "x");
  EXPECT_EQ(graph.outputs[0].name, "y");
}

TEST(GraphImport, WhatOutputsDoNotNeedIsLeftOut) {
  ModelText model = square_model();
  model.node("other", "TopKV2", {"x"}).root(R"("signature":{"outputs":{"y":{"name":"y"}}})");
  EXPECT_EQ(graph_of(model).node_count(), 1u);
}

TEST(GraphImport, ConstantsInputsAndSharedValuesCanBeOutputs) {
  ModelText model;
  model.placeholder("x", {2}).constant("c", {2}, {5, 6}).node("i", "Identity", {"x"});
  model.root(R"("signature":{"outputs":{"a":{"name":"i"},"b":{"name":"c"},"d":{"name":"x"}}})");
  EXPECT_EQ(run(graph_of(model), {{1, 2}}), (std::vector<std::vector<double>>{{1, 2}, {5, 6}, {1, 2}}));
}

TEST(GraphImport, OpenDimensionsComeFromTheOptions) {
  EXPECT_EQ(graph_of(square_model()).value(0).shape, (Shape{1, 2}));
  EXPECT_EQ(graph_of(square_model(), {.batch = 4, .input_shapes = {}}).value(0).shape, (Shape{4, 2}));
  EXPECT_EQ(graph_of(square_model(), {.batch = 1, .input_shapes = {{"x", {7, 2}}}}).value(0).shape,
            (Shape{7, 2}));
  EXPECT_EQ(import_error(square_model(), {.batch = 1, .input_shapes = {{"x", {7, 3}}}}),
            "invalid argument: input 'x' is [-1,2] in the model, the shape [7,3] does not fit it");
  EXPECT_EQ(import_error(square_model(), {.batch = 1, .input_shapes = {{"z", {7, 2}}}}),
            "invalid argument: a shape is given for 'z', which is no input");
  EXPECT_EQ(import_error(square_model(), {.batch = 0, .input_shapes = {}}),
            "invalid argument: a batch of 0 is not possible");
  EXPECT_NE(import_error(square_model(), {.batch = 1 << 30, .input_shapes = {}}).find("too large"),
            std::string::npos);

  ModelText open;
  open.placeholder("x", {-1, -1, 3}).node("y", "Square", {"x"});
  EXPECT_EQ(import_error(open),
            "invalid argument: dimension 1 of input 'x' [-1,-1,3] is open; give its shape");
  EXPECT_EQ(graph_of(open, {.batch = 1, .input_shapes = {{"x", {1, 8, 3}}}}).value(0).shape,
            (Shape{1, 8, 3}));
}

TEST(GraphImport, AnUnknownRankNeedsAShape) {
  for (const char* shape :
       {R"({"shape":{"unknownRank":true}})", R"({"shape":{"unknown_rank":true}})", R"({"shape":{}})"}) {
    ModelText model;
    model.node("x", "Placeholder", {}, R"({"dtype":{"type":"DT_FLOAT"},"shape":)" + std::string(shape) + "}");
    model.node("y", "Square", {"x"});
    EXPECT_EQ(import_error(model),
              "invalid argument: the model does not say how many dimensions input 'x' has; give its shape");
    EXPECT_EQ(graph_of(model, {.batch = 1, .input_shapes = {{"x", {2}}}}).value(0).shape, (Shape{2}));
    model.root(
        R"("signature":{"inputs":{"x":{"name":"x","tensorShape":{"dim":[{"size":"-1"},{"size":5}]}}}})");
    EXPECT_EQ(graph_of(model).value(0).shape, (Shape{1, 5}));
  }
}

TEST(GraphImport, InputTypes) {
  const std::pair<const char*, DType> types[] = {
      {"DT_FLOAT", DType::F32}, {"DT_INT32", DType::I32}, {"DT_UINT8", DType::I32}, {"DT_BOOL", DType::Bool}};
  for (const auto& [name, dtype] : types) {
    ModelText model;
    model.placeholder("x", {2}, name).node("y", "Identity", {"x"});
    EXPECT_EQ(graph_of(model).value(0).dtype, dtype) << name;
  }
  ModelText model;
  model.placeholder("x", {2}, "DT_STRING").node("y", "Identity", {"x"});
  EXPECT_NE(import_error(model).find("the type 'DT_STRING' is not supported"), std::string::npos);
}

TEST(GraphImport, FaultsOfTheTopologyNameTheirNodes) {
  ModelText missing;
  missing.placeholder("x", {1}).node("y", "Add", {"x", "z:0"});
  EXPECT_EQ(import_error(missing), "missing node: node 'y' uses 'z:0', which the model does not have");

  ModelText cycle;
  cycle.placeholder("x", {1}).node("a", "Add", {"x", "b"}).node("b", "Neg", {"a"}).node("y", "Neg", {"b"});
  const std::string error = import_error(cycle);
  EXPECT_TRUE(error == "cycle in the graph: node 'a' depends on itself" ||
              error == "cycle in the graph: node 'b' depends on itself")
      << error;

  ModelText loop;
  loop.placeholder("x", {1})
      .node("m", "Merge", {"x", "n"})
      .node("n", "NextIteration", {"m"})
      .node("y", "Neg", {"n"});
  EXPECT_NE(import_error(loop).find("unsupported op: op '"), std::string::npos);

  ModelText unknown;
  unknown.placeholder("x", {1}).node("y", "TopKV2", {"x"});
  EXPECT_EQ(import_error(unknown), "unsupported op: op 'TopKV2' of node 'y' is not supported");

  ModelText twice;
  twice.placeholder("x", {1}).node("y", "Neg", {"x"}).node("y", "Abs", {"x"});
  EXPECT_EQ(import_error(twice), "malformed model: two nodes are called 'y'");

  ModelText weightless;
  weightless.placeholder("x", {1}).node("c", "Const").node("y", "Add", {"x", "c"});
  EXPECT_EQ(import_error(weightless), "missing weight: the weights manifest does not list node 'c' (Const)");

  ModelText arity;
  arity.placeholder("x", {1}).node("y", "Add", {"x"});
  EXPECT_EQ(import_error(arity), "malformed model: node 'y' (Add): has 1 inputs, needs 2");

  ModelText second;
  second.placeholder("x", {1}).node("a", "Neg", {"x"}).node("y", "Abs", {"a:1"});
  EXPECT_EQ(import_error(second),
            "missing node: node 'y' uses output 1 of node 'a' (Neg), of which 1 are supported");

  ModelText empty;
  empty.placeholder("x", {1});
  EXPECT_EQ(import_error(empty), "malformed model: the model has no outputs");
}

TEST(GraphImport, FaultsOfTheSignature) {
  ModelText output = square_model(), input = square_model(), constant = square_model(),
            twice = square_model();
  output.root(R"("signature":{"outputs":{"o":{"name":"gone:0"}}})");
  EXPECT_EQ(import_error(output),
            "missing node: the signature's 'o' is node 'gone', which the model does not have");
  input.root(R"("signature":{"inputs":{"i":{"name":"gone:0"}}})");
  EXPECT_EQ(import_error(input),
            "missing node: the signature's 'i' is node 'gone', which the model does not have");
  constant.root(R"("signature":{"inputs":{"i":{"name":"y"}}})");
  EXPECT_EQ(import_error(constant),
            "malformed model: the signature's input 'i' is node 'y' (Square), not a Placeholder");
  twice.root(R"("signature":{"inputs":{"i":{"name":"x"},"j":{"name":"x:0"}}})");
  EXPECT_EQ(import_error(twice), "malformed model: the signature lists node 'x' as two inputs");
}

TEST(GraphImport, MalformedTopologies) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"node":{}})", "modelTopology.node must be an array"},
      {R"({"node":[1]})", "modelTopology.node[0] must be an object"},
      {R"({"node":[{"op":"Neg"}]})", "modelTopology.node[0] has no 'name'"},
      {R"({"node":[{"name":"a"}]})", "modelTopology.node[0] has no 'op'"},
      {R"({"node":[{"name":"a","op":"Neg","input":"x"}]})", "modelTopology.node[0].input must be an array"},
      {R"({"node":[{"name":"a","op":"Neg","input":[1]}]})",
       "modelTopology.node[0].input[0] must be a string"},
      {R"({"versions":{}})", "neither the nodes of a graph model nor"},
      {"[]", "neither the nodes of a graph model nor"},
      {"null", "the document has no 'modelTopology'"},
  };
  for (const auto& [topology, expected] : cases) {
    ModelText model;
    model.topology(topology);
    const std::string error = import_error(model);
    EXPECT_NE(error.find(expected), std::string::npos) << topology << "\n" << error;
  }
}

TEST(GraphImport, NamesThatTheTextFormCannotHoldAreReplaced) {
  ModelText model;
  model.placeholder("in put>\\n", {1}).node("a b", "Neg", {"in put>\\n"}).node("a>b", "Neg", {"a b"});
  const Graph graph = graph_of(model);
  EXPECT_EQ(graph.outputs[0].name, "a>b");
  for (ValueId id = 0; id < graph.value_count(); ++id)
    EXPECT_EQ(graph.value(id).name.find_first_of(" >\n\\"), std::string::npos);
}

TEST(TfjsModel, TellsWhatItHolds) {
  ModelText text = square_model();
  text.ints("w", {2}, {1, 2}).root("\"userDefinedMetadata\": {\"k\": [1, 2]}");
  auto model = TfjsModel::parse(text.json());
  ASSERT_TRUE(model) << error_of(model);
  EXPECT_EQ((*model)->format(), TfjsFormat::Graph);
  ASSERT_EQ((*model)->shard_count(), 1u);
  EXPECT_EQ((*model)->shard_path(0), "w.bin");
  EXPECT_EQ((*model)->weights_bytes(), 8u);
  EXPECT_EQ((*model)->metadata_json(), "{\"k\": [1, 2]}");
  EXPECT_EQ(error_of((*model)->to_graph({})), "missing weight: the weight file 'w.bin' has not been given");
  EXPECT_EQ((*TfjsModel::parse(square_model().json()))->metadata_json(), "{}");
  EXPECT_EQ(TfjsModel::parse("{\"a\": }").error().code(), ErrorCode::MalformedJson);
}

TEST(GraphImport, ReadsRanges) {
  const auto with_ranges = [](const std::string& ranges) {
    ModelText text = square_model();
    text.root("\"userDefinedMetadata\": {\"linnet\": {\"ranges\": " + ranges + "}}");
    return text;
  };
  const auto graph = with_ranges("{\"x\": [-1, 2.5], \"y\": [0, 0], \"z\": \"dynamic\"}").import();
  ASSERT_TRUE(graph) << error_of(graph);
  const Ranges expected{{"x", {-1, 2.5}}, {"y", {0, 0}}, {"z", {.dynamic = true}}};
  EXPECT_EQ(graph->ranges, expected);
  for (const char* wrong : {"{\"x\": [1, 0]}", "{\"x\": [0, 1, 2]}", "{\"x\": [0, 1e39]}"})
    EXPECT_EQ(error_of(TfjsModel::parse(with_ranges(wrong).json())),
              "malformed model: userDefinedMetadata.linnet.ranges.x is no range [low, high]");
  EXPECT_EQ(TfjsModel::parse(with_ranges("{\"x\": \"static\"}").json()).error().code(),
            ErrorCode::MalformedModel);
  EXPECT_EQ(TfjsModel::parse(with_ranges("[1]").json()).error().code(), ErrorCode::MalformedModel);
  EXPECT_EQ(TfjsModel::parse(with_ranges("{\"x\": [\"0\", 1]}").json()).error().code(),
            ErrorCode::MalformedModel);
}

}  // namespace
}  // namespace linnet

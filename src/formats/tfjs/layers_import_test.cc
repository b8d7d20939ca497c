// Layers models: the forms of a configuration, and each layer with answers worked out by hand.
#include <cmath>

#include "formats/tfjs/test_model.h"

namespace linnet {
namespace {

using namespace testing;
using Rows = std::vector<std::vector<double>>;

std::string layer(const std::string& class_name, const std::string& name, const std::string& config,
                  const std::string& inbound = "") {
  return R"({"class_name":")" + class_name + R"(","name":")" + name + R"(","config":{"name":")" + name +
         "\"" + (config.empty() ? "" : "," + config) + "}" +
         (inbound.empty() ? "" : R"(,"inbound_nodes":)" + inbound) + "}";
}

std::string input(const std::string& name, const std::string& shape) {
  return layer("InputLayer", name, R"("batch_input_shape":)" + shape + R"(,"dtype":"float32")", "[]");
}

std::string call(const std::string& name, int index = 0) {
  return "[\"" + name + "\"," + std::to_string(index) + ",0,{}]";
}

std::string functional(const std::string& layers, const std::string& inputs, const std::string& outputs,
                       const std::string& class_name = "Model", const std::string& more = "") {
  return R"({"class_name":")" + class_name + R"(","config":{"name":"m","layers":[)" + layers +
         R"(],"input_layers":[)" + inputs + R"(],"output_layers":[)" + outputs + "]}" + more + "}";
}

ModelText model_of(const std::string& model) {
  ModelText text;
  text.topology(R"({"model_config":)" + model + "}");
  return text;
}

// A Sequential of one layer over [batch, dims...].
ModelText one(const std::string& class_name, const std::string& dims, const std::string& config = "") {
  return model_of(R"({"class_name":"Sequential","config":{"layers":[)" + input("x", "[null" + dims + "]") +
                  "," + layer(class_name, "l", config) + "]}}");
}

std::vector<double> run_one(const std::string& class_name, const std::string& dims, const std::string& config,
                            const std::vector<double>& values) {
  SCOPED_TRACE(class_name + " " + config);
  return run(graph_of(one(class_name, dims, config)), {values})[0];
}

Shape output_shape(const Graph& graph) {
  return graph.value(graph.outputs[0].value).shape;
}

TEST(LayersImport, FunctionalModels) {
  for (const char* class_name : {"Model", "Functional"}) {
    ModelText model = model_of(functional(layer("Add", "sum", "", "[[" + call("r") + "," + call("x") + "]]") +
                                              "," + layer("ReLU", "r", "", "[[" + call("x") + "]]") + "," +
                                              input("x", "[null,2]"),
                                          R"(["x",0,0])", R"(["sum",0,0],["r",0,0])", class_name));
    const Graph graph = graph_of(model);
    EXPECT_EQ(graph.inputs[0].name, "x");
    EXPECT_EQ(graph.outputs[0].name, "sum");
    EXPECT_EQ(graph.outputs[1].name, "r");
    EXPECT_EQ(run(graph, {{-1, 2}}), (Rows{{-1, 4}, {0, 2}}));
  }
}

TEST(LayersImport, SequentialsInAllTheirForms) {
  const std::string first = layer("ReLU", "a", R"("batch_input_shape":[null,2])"),
                    second = layer("LeakyReLU", "b", "");
  for (const std::string& text : {
           R"({"class_name":"Sequential","config":[)" + first + "," + second + "]}",
           R"({"class_name":"Sequential","config":{"name":"s","layers":[)" + first + "," + second + "]}}",
           R"({"class_name":"Sequential","config":{"layers":[)" + input("a", "[null,2]") + "," +
               layer("ReLU", "r", "") + "," + second + "]}}",
       }) {
    const Graph graph = graph_of(model_of(text));
    EXPECT_EQ(graph.inputs[0].name, "a");
    EXPECT_EQ(graph.outputs[0].name, "b");
    EXPECT_EQ(run(graph, {{-1, 2}}), (Rows{{0, 2}}));
  }
  // As JavaScript saves it, the configuration is the topology.
  ModelText bare;
  bare.topology(R"({"class_name":"Sequential","config":{"layers":[)" + first +
                R"(]},"keras_version":"tfjs-layers 4.22"})");
  EXPECT_EQ(run(graph_of(bare), {{-1, 2}}), (Rows{{0, 2}}));
}

TEST(LayersImport, ModelsWithinModels) {
  const std::string inner = functional(
      input("i", "[null,2]") + "," + layer("Dense", "d", R"("use_bias":false)", "[[" + call("i") + "]]"),
      R"(["i",0,0])", R"(["d",0,0])");
  ModelText sequential = model_of(R"({"class_name":"Sequential","config":{"layers":[)" + inner + "," +
                                  layer("Softmax", "out", "") + "]}}");
  sequential.floats("d/kernel", {2, 2}, {1, 0, 0, 1});
  const Graph graph = graph_of(sequential);
  EXPECT_EQ(graph.inputs[0].name, "i");
  EXPECT_EQ(graph.outputs[0].name, "out");
  expect_near(run(graph, {{0, std::log(3.)}})[0], {0.25, 0.75});

  const std::string named =
      R"({"name":"inner","inbound_nodes":[[)" + call("x") + R"(],[["inner",0,0,{}]]],)" + inner.substr(1);
  ModelText shared =
      model_of(functional(input("x", "[null,2]") + "," + named, R"(["x",0,0])", R"(["inner",1,0])"));
  shared.floats("d/kernel", {2, 2}, {0, 1, 2, 0});
  // Twice through the same weights.
  expect_near(run(graph_of(shared), {{1, 10}})[0], {2, 20});
}

TEST(LayersImport, WeightsMayCarryScopes) {
  ModelText model = one("Dense", ",1", R"("use_bias":false)");
  model.floats("scope/l/kernel", {1, 1}, {3});
  EXPECT_EQ(run(graph_of(model), {{2}}), (Rows{{6}}));
}

TEST(LayersImport, Activations) {
  const std::vector<double> x = {-2, 0.5, 9};
  const double e = std::exp(-2.);
  expect_near(run_one("Activation", ",3", R"("activation":"relu")", x), {0, 0.5, 9});
  expect_near(run_one("Activation", ",3", R"("activation":"relu6")", x), {0, 0.5, 6});
  expect_near(run_one("Activation", ",3", R"("activation":"linear")", x), x);
  expect_near(run_one("Activation", ",3", R"("activation":"elu")", x), {e - 1, 0.5, 9});
  expect_near(run_one("Activation", ",3", R"("activation":"hard_sigmoid")", x), {0.1, 0.6, 1});
  expect_near(run_one("Activation", ",3", R"("activation":"swish")", x),
              {-2 / (1 + 1 / e), 0.5 / (1 + std::exp(-0.5)), 9 / (1 + std::exp(-9.))});
  expect_near(
      run_one("Activation", ",3", R"("activation":"selu")", x),
      {1.0507009873554805 * 1.6732632423543772 * (e - 1), 1.0507009873554805 * 0.5, 1.0507009873554805 * 9});
  expect_near(run_one("ReLU", ",3", R"("max_value":6.0,"negative_slope":0.0,"threshold":0.0)", x),
              {0, 0.5, 6});
  expect_near(run_one("ReLU", ",3", R"("max_value":null,"negative_slope":0.5)", x), {-1, 0.5, 9});
  expect_near(run_one("ReLU", ",3", R"("max_value":4,"negative_slope":0.5,"threshold":1)", x),
              {-1.5, -0.25, 4});
  expect_near(run_one("LeakyReLU", ",3", R"("alpha":0.5)", x), {-1, 0.5, 9});
  expect_near(run_one("LeakyReLU", ",3", "", x), {-0.6, 0.5, 9});
  expect_near(run_one("ELU", ",3", R"("alpha":2)", x), {2 * (e - 1), 0.5, 9});
  expect_near(run_one("Softmax", ",2", R"("axis":-1)", {0, std::log(3.)}), {0.25, 0.75});
  ModelText prelu = one("PReLU", ",1,1,2", "");
  prelu.floats("l/alpha", {1, 1, 2}, {0.5, 0.25});
  expect_near(run(graph_of(prelu), {{-4, -4}})[0], {-2, -1});
  EXPECT_NE(import_error(one("Activation", ",3", R"("activation":"mish2")"))
                .find("layer 'l' (Activation): the activation 'mish2' is not supported"),
            std::string::npos);
  EXPECT_NE(import_error(one("Softmax", ",2,2", R"("axis":1)")).find("softmax over axis 1"),
            std::string::npos);
}

TEST(LayersImport, DenseAndBatchNorm) {
  ModelText dense = one("Dense", ",2", R"("units":2,"activation":"relu")");
  dense.floats("l/kernel", {2, 2}, {1, 2, 3, 4}).floats("l/bias", {2}, {-100, 1});
  expect_near(run(graph_of(dense), {{1, 1}})[0], {0, 7});
  ModelText norm =
      one("BatchNormalization", ",1,1,2", R"("axis":[3],"epsilon":0.75,"scale":true,"center":true)");
  norm.floats("l/gamma", {2}, {3, 1}).floats("l/beta", {2}, {10, 0}).floats("l/moving_mean", {2}, {1, 0});
  norm.floats("l/moving_variance", {2}, {0.25, 0.25});
  expect_near(run(graph_of(norm), {{3, 5}})[0], {16, 5});
  ModelText plain = one("BatchNormalization", ",2", R"("axis":-1,"epsilon":0,"scale":false,"center":false)");
  plain.floats("l/moving_mean", {2}, {1, 0}).floats("l/moving_variance", {2}, {4, 1});
  expect_near(run(graph_of(plain), {{3, 5}})[0], {1, 5});
  EXPECT_NE(import_error(one("BatchNormalization", ",2,2", R"("axis":1)")).find("axis 1 is not supported"),
            std::string::npos);
  EXPECT_EQ(import_error(one("Dense", ",2", "")),
            "missing weight: layer 'l' (Dense): the weights manifest does not list 'l/kernel'");
}

TEST(LayersImport, Convolutions) {
  ModelText conv = one("Conv2D", ",2,2,1", R"("strides":1,"padding":"same","activation":"relu")");
  conv.floats("l/kernel", {2, 2, 1, 1}, {1, 1, 1, 1}).floats("l/bias", {1}, {-3});
  // SAME with an even window pads after.
  expect_near(run(graph_of(conv), {{1, 2, 3, 4}})[0], {7, 3, 4, 1});
  ModelText depthwise = one("DepthwiseConv2D", ",1,1,2", R"("use_bias":false,"strides":[1,1])");
  depthwise.floats("l/depthwise_kernel", {1, 1, 2, 1}, {2, 3});
  expect_near(run(graph_of(depthwise), {{1, 10}})[0], {2, 30});
  ModelText separable = one("SeparableConv2D", ",1,1,2", R"("padding":"valid")");
  separable.floats("l/depthwise_kernel", {1, 1, 2, 1}, {2, 3})
      .floats("l/pointwise_kernel", {1, 1, 2, 1}, {1, 10});
  separable.floats("l/bias", {1}, {0.5});
  expect_near(run(graph_of(separable), {{1, 1}})[0], {32.5});
  ModelText same = one("Conv2DTranspose", ",2,1,1", R"("strides":[2,2],"padding":"same","use_bias":false)");
  same.floats("l/kernel", {2, 2, 1, 1}, {1, 2, 3, 4});
  expect_near(run(graph_of(same), {{1, 10}})[0], {1, 2, 3, 4, 10, 20, 30, 40});
  ModelText valid = one("Conv2DTranspose", ",2,1,1", R"("strides":[1,1],"padding":"valid","use_bias":false)");
  valid.floats("l/kernel", {2, 1, 1, 1}, {1, 2});
  expect_near(run(graph_of(valid), {{1, 10}})[0], {1, 12, 20});
  for (const char* class_name : {"Conv2D", "MaxPooling2D", "Flatten", "ZeroPadding2D"})
    EXPECT_NE(import_error(one(class_name, ",2,2,1", R"("data_format":"channels_first")"))
                  .find("convert the model to channels_last"),
              std::string::npos);
  EXPECT_NE(import_error(one("Conv2D", ",2,2,1", R"("groups":2)")).find("2 groups"), std::string::npos);
  EXPECT_NE(import_error(one("Conv2D", ",2,2,1", R"("padding":"causal")")).find("padding 'causal'"),
            std::string::npos);
}

TEST(LayersImport, PoolsAndBorders) {
  expect_near(run_one("MaxPooling2D", ",2,2,1", R"("pool_size":[2,2],"strides":null)", {1, 4, 3, 2}), {4});
  expect_near(run_one("AveragePooling2D", ",3,1,1", R"("pool_size":[2,1],"padding":"same")", {1, 3, 7}),
              {2, 7});
  expect_near(run_one("GlobalAveragePooling2D", ",2,1,2", "", {1, 2, 3, 4}), {2, 3});
  expect_near(run_one("GlobalMaxPooling2D", ",2,1,2", "", {1, 2, 3, 4}), {3, 4});
  EXPECT_EQ(output_shape(graph_of(one("GlobalMaxPooling2D", ",2,1,2", R"("keepdims":true)"))),
            (Shape{1, 1, 1, 2}));
  expect_near(run_one("ZeroPadding2D", ",1,1,1", R"("padding":[[0,1],[2,0]])", {5}), {0, 0, 5, 0, 0, 0});
  EXPECT_EQ(output_shape(graph_of(one("ZeroPadding2D", ",1,1,1", R"("padding":[1,2])"))),
            (Shape{1, 3, 5, 1}));
  EXPECT_EQ(output_shape(graph_of(one("ZeroPadding2D", ",1,1,1", R"("padding":1)"))), (Shape{1, 3, 3, 1}));
  expect_near(run_one("Cropping2D", ",2,3,1", R"("cropping":[[1,0],[0,1]])", iota(6)), {3, 4});
  // Corners not aligned, centres not at halves.
  expect_near(run_one("UpSampling2D", ",1,2,1", R"("size":[1,2],"interpolation":"bilinear")", {2, 4}),
              {2, 3, 4, 4});
  EXPECT_NE(import_error(one("UpSampling2D", ",1,2,1", R"("interpolation":"nearest")"))
                .find("unsupported op: layer 'l' (UpSampling2D): interpolation 'nearest'"),
            std::string::npos);
}

TEST(LayersImport, Shapes) {
  EXPECT_EQ(output_shape(graph_of(one("Flatten", ",2,3,4"), {.batch = 5, .input_shapes = {}})),
            (Shape{5, 24}));
  EXPECT_EQ(output_shape(graph_of(one("Reshape", ",6", R"("target_shape":[3,-1])"))), (Shape{1, 3, 2}));
  expect_near(run_one("Permute", ",2,3", R"("dims":[2,1])", iota(6)), {0, 3, 1, 4, 2, 5});
  expect_near(run_one("Rescaling", ",2", R"("scale":0.5,"offset":-1)", {2, 4}), {0, 1});
  for (const char* class_name : {"Dropout", "SpatialDropout2D", "GaussianNoise", "ActivityRegularization"})
    expect_near(run_one(class_name, ",2", R"("rate":0.5)", {2, 4}), {2, 4});
}

TEST(LayersImport, Merges) {
  const auto merge = [](const std::string& class_name, const std::string& config = "") {
    return run(graph_of(model_of(
                   functional(input("a", "[null,2]") + "," + input("b", "[null,2]") + "," +
                                  layer(class_name, "l", config, "[[" + call("a") + "," + call("b") + "]]"),
                              R"(["a",0,0],["b",0,0])", R"(["l",0,0])"))),
               {{1, 8}, {3, 2}})[0];
  };
  expect_near(merge("Add"), {4, 10});
  expect_near(merge("Subtract"), {-2, 6});
  expect_near(merge("Multiply"), {3, 16});
  expect_near(merge("Average"), {2, 5});
  expect_near(merge("Maximum"), {3, 8});
  expect_near(merge("Minimum"), {1, 2});
  expect_near(merge("Concatenate"), {1, 8, 3, 2});
  expect_near(merge("Concatenate", R"("axis":0)"), {1, 8, 3, 2});
}

TEST(LayersImport, Faults) {
  EXPECT_EQ(import_error(one("LSTM", ",2,2")), "unsupported op: layer 'l' of class 'LSTM' is not supported");
  const std::string x = input("x", "[null,2]");
  const std::pair<std::string, const char*> cases[] = {
      {functional(x + "," + layer("ReLU", "r", "", "[[" + call("z") + "]]"), R"(["x",0,0])", R"(["r",0,0])"),
       "missing node: layer 'r' uses layer 'z', which the model does not have"},
      {functional(x + "," + layer("ReLU", "r", "", "[[" + call("x", 3) + "]]"), R"(["x",0,0])",
                  R"(["r",0,0])"),
       "missing node: layer 'r' uses call 3 of layer 'x', which has 1"},
      {functional(x + "," + layer("ReLU", "a", "", "[[" + call("b") + "]]") + "," +
                      layer("ReLU", "b", "", "[[" + call("a") + "]]"),
                  R"(["x",0,0])", R"(["b",0,0])"),
       "depends on itself"},
      {functional(x, R"(["x",0,0])", R"(["q",0,0])"), "output_layers uses layer 'q'"},
      {functional(x, R"(["x",0,0])", R"(["x",0,1])"), "output 1 of layer 'x' is used, which has 1"},
      {functional(x, R"(["x",0,0])", ""), "output_layers is empty"},
      {functional(x + "," + x, R"(["x",0,0])", R"(["x",0,0])"), "two layers are called 'x'"},
      {functional(x + "," + layer("ReLU", "r", "", R"([{"args":[]}])"), R"(["x",0,0])", R"(["r",0,0])"),
       "Keras 2"},
      {functional(x + "," + layer("ReLU", "r", "", "[[" + call("x") + "," + call("x") + "]]"), R"(["x",0,0])",
                  R"(["r",0,0])"),
       "layer 'r' (ReLU): has 2 inputs"},
      {functional(layer("InputLayer", "x", "", "[]"), R"(["x",0,0])", R"(["x",0,0])"), "give its shape"},
      {R"({"class_name":"Sequential","config":[]})", "has no layers"},
      {R"({"class_name":"Sequential","config":{"layers":{"a":1}}})", "layers must be an array"},
      {R"({"class_name":"Custom","config":{}})", "models of class 'Custom' are not supported"},
      {R"({"config":{}})", "has no 'class_name'"},
      {R"({"class_name":"Model","config":{"layers":[{"class_name":"ReLU"}]}})", "has no name"},
      {R"({"class_name":"Model","config":{"layers":[]}})", "has no 'input_layers'"},
  };
  for (const auto& [model, expected] : cases) {
    const std::string error = import_error(model_of(model));
    EXPECT_NE(error.find(expected), std::string::npos) << model << "\n" << error;
  }
  std::string nested = functional(input("x", "[null,2]"), R"(["x",0,0])", R"(["x",0,0])");
  for (int i = 0; i < 12; ++i) nested = R"({"class_name":"Sequential","config":{"layers":[)" + nested + "]}}";
  EXPECT_NE(import_error(model_of(nested)), "no error");
}

}  // namespace
}  // namespace linnet

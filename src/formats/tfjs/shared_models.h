// The pretrained models that lie beside the repository, for tests; where they are missing, tests skip.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "formats/tfjs/test_model.h"

namespace linnet::testing {

// $LINNET_SHARED/models, or ../shared/models from the repository.
inline std::filesystem::path models_folder() {
  if (const char* shared = std::getenv("LINNET_SHARED")) return std::filesystem::path(shared) / "models";
  return std::filesystem::path(LINNET_SOURCE_DIR).parent_path() / "shared" / "models";
}

#define LINNET_SKIP_WITHOUT_MODELS()                      \
  if (!std::filesystem::exists(testing::models_folder())) \
  GTEST_SKIP() << "there are no models at " << testing::models_folder() << "; set LINNET_SHARED"

inline std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The graph of the model at `path`, relative to models_folder(), verified.
inline Result<Graph> import_shared(const char* path) {
  const std::filesystem::path file = models_folder() / path;
  TRY_ASSIGN(auto model, TfjsModel::parse(contents(file)));
  for (size_t i = 0; i < model->shard_count(); ++i) {
    const std::string bytes = contents(file.parent_path() / model->shard_path(i));
    TRY(model->set_shard(i, std::as_bytes(std::span(bytes))));
  }
  TRY_ASSIGN(Graph graph, model->to_graph({}));
  TRY(verify(graph));
  return graph;
}

// A model that the engine runs: its one input and its outputs.
struct SharedModel {
  const char* path;
  Shape input;
  std::vector<std::pair<const char*, Shape>> outputs;
};

inline std::span<const SharedModel> shared_models() {
  static const Shape image{1, 224, 224, 3};
  static const SharedModel models[] = {
      {"mobilenet_v2_1.0_224/model.json", image, {{"logits", {1, 1000}}}},
      {"mobilenet_v2_1.0_224/model_96.json", {1, 96, 96, 3}, {{"logits", {1, 1000}}}},
      {"mobilenet_v2_1.0_224_tf/model.json", image, {{"output", {1, 1001}}}},
      {"mobilenet_v1_0.25_224/model.json", image, {{"act_softmax", {1, 1000}}}},
      {"mobilenet_v1_0.25_128/model.json", {1, 128, 128, 3}, {{"output", {1, 1001}}}},
      {"mobilenet_v1_0.5_160/model.json", {1, 160, 160, 3}, {{"output", {1, 1001}}}},
      {"mobilenet_v1_0.75_192/model.json", {1, 192, 192, 3}, {{"output", {1, 1001}}}},
      {"squeezenet1.1_224/model.json", image, {{"logits", {1, 1000}}}},
      {"nsfwjs_mobilenet_v2/model.json", image, {{"dense_3", {1, 5}}}},
      {"deeplabv3_mnv2_257/model.json", {1, 257, 257, 3}, {{"output", {1, 257, 257, 21}}}},
      {"kws_ds_cnn/model.json", {1, 49, 10, 1}, {{"output", {1, 12}}}},
      {"vww_96/model.json", {1, 96, 96, 3}, {{"output", {1, 2}}}},
      {"resnet8_cifar10/model.json", {1, 32, 32, 3}, {{"output", {1, 10}}}},
      {"emotion/emotion.json", {1, 64, 64, 1}, {{"Identity:0", {1, 7}}}},
      {"blazeface-back/blazeface-back.json",
       {1, 256, 256, 3},
       {{"Identity_3:0", {1, 384, 16}},
        {"Identity:0", {1, 512, 1}},
        {"Identity_1:0", {1, 384, 1}},
        {"Identity_2:0", {1, 512, 16}}}},
      {"facemesh/facemesh.json",
       {1, 192, 192, 3},
       {{"output_mesh", {1, 1404}}, {"output_faceflag", {1, 1}}, {"output_contours", {1, 266}}}},
      {"handdetect/handdetect.json", {1, 256, 256, 3}, {{"Identity:0", {1, 2944, 19}}}},
      {"handlandmark-lite/handlandmark-lite.json",
       image,
       {{"Identity_1:0", {1, 1}},
        {"Identity:0", {1, 63}},
        {"Identity_2:0", {1, 1}},
        {"Identity_3:0", {1, 63}}}},
      {"meet/meet.json", {1, 144, 256, 3}, {{"segment:0", {1, 144, 256, 2}}}},
  };
  return models;
}

}  // namespace linnet::testing

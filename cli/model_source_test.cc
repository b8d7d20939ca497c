#include "cli/model_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cli/io.h"
#include "cli/tensor_files.h"

namespace linnet {
namespace {

namespace fs = std::filesystem;

class ModelFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "linnet-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { fs::remove_all(directory_); }
  std::string put(const std::string& name, const std::string& content) {
    std::ofstream(directory_ / name, std::ios::binary) << content;
    return (directory_ / name).string();
  }
  fs::path directory_;
};

TEST_F(ModelFiles, DirectoryHoldsModelJsonOrTheOnlyModel) {
  EXPECT_FALSE(locate_model(directory_.string()));
  put("labels.json", "{}");
  EXPECT_FALSE(locate_model(directory_.string()));
  const std::string named = put("face.json", R"({"modelTopology": {}})");
  EXPECT_EQ(*locate_model(directory_.string()), named);
  EXPECT_EQ(*locate_model(named), named);
  put("hand.json", R"({"modelTopology": {}})");
  EXPECT_FALSE(locate_model(directory_.string()));
  const std::string usual = put("model.json", "");
  EXPECT_EQ(*locate_model(directory_.string()), usual);
  EXPECT_FALSE(locate_model((directory_ / "none").string()));
}

TEST(ModelSource, UrlsNameModelJson) {
  EXPECT_EQ(*locate_model("https://host/a/model.json"), "https://host/a/model.json");
  EXPECT_EQ(*locate_model("https://host/a/x.json?v=2"), "https://host/a/x.json?v=2");
  EXPECT_EQ(*locate_model("https://host/a"), "https://host/a/model.json");
  EXPECT_EQ(*locate_model("http://host/a/?key=1"), "http://host/a/model.json?key=1");
}

TEST(ModelSource, ShardsLieBesideModelJson) {
  EXPECT_EQ(*locate_shard("dir/model.json", "shard1.bin"), "dir/shard1.bin");
  EXPECT_EQ(*locate_shard("model.json", "weights/shard1.bin"), "weights/shard1.bin");
  EXPECT_EQ(*locate_shard("https://host/a/model.json?k=1", "s.bin"), "https://host/a/s.bin?k=1");
  EXPECT_EQ(*locate_shard("https://host/a/model.json", "/s.bin"), "https://host/s.bin");
  EXPECT_EQ(*locate_shard("https://host/a/model.json", "https://other/s.bin"), "https://other/s.bin");
  const auto absolute = locate_shard("dir/model.json", "/etc/hostname");
  ASSERT_FALSE(absolute);
  EXPECT_EQ(absolute.error().code(), ErrorCode::MalformedModel);
}

TEST(ModelSource, ShapeFlags) {
  TfjsOptions options;
  ASSERT_TRUE(parse_shape_flag("x=1,224,224,3", options));
  ASSERT_TRUE(parse_shape_flag("odd=name=7", options));
  EXPECT_EQ(options.input_shapes["x"], (std::vector<int64_t>{1, 224, 224, 3}));
  EXPECT_EQ(options.input_shapes["odd=name"], std::vector<int64_t>{7});
  for (const char* flag :
       {"", "x", "x=", "=1,2", "x=1,", "x=,1", "x=1,-2", "x=0", "x=1 2", "x=99999999999999999999"}) {
    EXPECT_FALSE(parse_shape_flag(flag, options)) << flag;
  }
}

TEST_F(ModelFiles, FilesAreReadWholeOrNotAtAll) {
  const std::string path = put("data", "12345");
  EXPECT_EQ(as_text(*read_file(path, 5)), "12345");
  const auto code = [](Result<Buffer> read) { return read ? ErrorCode::BadHandle : read.error().code(); };
  EXPECT_EQ(code(read_file(path, 4)), ErrorCode::TooLarge);
  EXPECT_EQ(code(read_file(directory_.string(), 4)), ErrorCode::Io);
  EXPECT_EQ(code(read_file((directory_ / "none").string(), 4)), ErrorCode::Io);
  EXPECT_EQ(code(read_location("http://127.0.0.1:1/none", 4)), ErrorCode::Network);
  EXPECT_FALSE(write_file((directory_ / "none" / "file").string(), {}));
}

TEST_F(ModelFiles, TensorsGoOutAndComeBack) {
  const auto tensor = Tensor::of_f32({2, 2}, std::vector<float>{1, 2, 3, 4});
  ASSERT_TRUE(tensor);
  const std::vector<NamedTensor> one = {{"x", tensor->view()}};
  const std::vector<NamedTensor> two = {{"a/b:0", tensor->view()}, {"a_b:0", tensor->view()}};
  for (const char* name : {"x.npy", "x.bin"}) {
    const std::string path = (directory_ / name).string();
    ASSERT_TRUE(write_tensors(one, path));
    auto filled = Tensor::zeros(DType::F32, {2, 2});
    ASSERT_TRUE(filled);
    ASSERT_TRUE(fill_from_bytes(read_file(path, 1000)->bytes(), filled->view()));
    EXPECT_EQ(filled->at(3), 4);
    // Wrong shape, then wrong type, for raw bytes and for .npy.
    EXPECT_FALSE(fill_from_bytes(read_file(path, 1000)->bytes(), Tensor::zeros(DType::F32, {5})->view()));
    EXPECT_FALSE(fill_from_bytes(read_file(path, 1000)->bytes(), Tensor::zeros(DType::U8, {2, 2})->view()));
  }
  EXPECT_EQ(write_tensors(two, (directory_ / "x.npy").string()).error().code(), ErrorCode::InvalidArgument);
  const auto paths = write_tensors(two, (directory_ / "out/").string());
  ASSERT_TRUE(paths);
  EXPECT_EQ((*paths)[0], (directory_ / "out/a_b_0.npy").string());
  EXPECT_EQ((*paths)[1], (directory_ / "out/a_b_0_.npy").string());
  EXPECT_TRUE(fs::exists((*paths)[1]));
}

}  // namespace
}  // namespace linnet

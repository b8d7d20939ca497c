#include "formats/tfjs/weights.h"

#include "formats/tfjs/test_model.h"

namespace linnet {
namespace {

using testing::bytes_of;
using testing::error_of;

struct Parsed {
  std::unique_ptr<JsonDocument> document;
  Weights weights;
};

Result<Parsed> parse(const std::string& manifest) {
  TRY_ASSIGN(auto document, JsonDocument::parse(manifest));
  TRY_ASSIGN(Weights weights, Weights::parse(document->root()));
  return Parsed{std::move(document), std::move(weights)};
}

// A manifest of one group.
std::string group(const std::string& paths, const std::string& weights) {
  return R"([{"paths":[)" + paths + R"(],"weights":[)" + weights + "]}]";
}

// Writes a shard by pieces of a few bytes, as streams bring them.
Result<void> set(Weights& weights, size_t index, std::string_view bytes) {
  while (!bytes.empty()) {
    TRY_ASSIGN(const std::span<std::byte> room, weights.shard_room(index));
    const size_t count = std::min({room.size(), bytes.size(), size_t{3}});
    std::memcpy(room.data(), bytes.data(), count);
    TRY(weights.shard_filled(index, count));
    bytes.remove_prefix(count);
  }
  return weights.shard_end(index);
}

// The one weight of a manifest as numbers.
std::vector<double> decode(const std::string& entry, const std::string& bytes, DType dtype) {
  auto parsed = parse(group("\"w\"", R"({"name":"a","shape":[)" + entry + "}"));
  EXPECT_TRUE(parsed) << error_of(parsed);
  if (!parsed) return {};
  EXPECT_TRUE(set(parsed->weights, 0, bytes));
  const auto tensor = parsed->weights.tensor(parsed->weights.find("a"));
  EXPECT_TRUE(tensor) << error_of(tensor);
  if (!tensor) return {};
  EXPECT_EQ(tensor->dtype(), dtype);
  std::vector<double> values;
  for (int64_t i = 0; i < tensor->shape().elements(); ++i) values.push_back(tensor->at(i));
  return values;
}

TEST(Weights, DecodesEveryStoredType) {
  EXPECT_EQ(decode(R"(2],"dtype":"float32")", bytes_of<float>({1.5f, -2}), DType::F32),
            (std::vector<double>{1.5, -2}));
  EXPECT_EQ(decode(R"(2],"dtype":"int32")", bytes_of<int32_t>({7, -8}), DType::I32),
            (std::vector<double>{7, -8}));
  EXPECT_EQ(decode(R"(2],"dtype":"uint8")", bytes_of<uint8_t>({7, 255}), DType::I32),
            (std::vector<double>{7, 255}));
  EXPECT_EQ(decode(R"(3],"dtype":"bool")", bytes_of<uint8_t>({0, 1, 2}), DType::Bool),
            (std::vector<double>{0, 1, 1}));
  // 0x3c00 is 1, 0xc000 is -2, 0x0001 is 2^-24.
  const std::string halves = bytes_of<uint16_t>({0x3c00, 0xc000, 0x0001});
  EXPECT_EQ(decode(R"(3],"dtype":"float16")", halves, DType::F32), (std::vector<double>{1, -2, 0x1p-24}));
  EXPECT_EQ(decode(R"(3],"dtype":"float32","quantization":{"dtype":"float16"})", halves, DType::F32),
            (std::vector<double>{1, -2, 0x1p-24}));
}

TEST(Weights, Dequantises) {
  EXPECT_EQ(decode(R"(3],"dtype":"float32","quantization":{"dtype":"uint8","scale":0.5,"min":-4})",
                   bytes_of<uint8_t>({0, 1, 255}), DType::F32),
            (std::vector<double>{-4, -3.5, 123.5}));
  EXPECT_EQ(decode(R"(2],"dtype":"float32","quantization":{"dtype":"uint16","scale":0.25,"min":1})",
                   bytes_of<uint16_t>({4, 65535}), DType::F32),
            (std::vector<double>{2, 16384.75}));
  // Whole numbers round to nearest.
  EXPECT_EQ(decode(R"(4],"dtype":"int32","quantization":{"dtype":"uint8","scale":0.4,"min":-1})",
                   bytes_of<uint8_t>({0, 1, 2, 4}), DType::I32),
            (std::vector<double>{-1, -1, 0, 1}));
  EXPECT_EQ(decode(R"(2],"dtype":"int32","quantization":{"dtype":"uint8","scale":1e300,"min":0})",
                   bytes_of<uint8_t>({0, 1}), DType::I32),
            (std::vector<double>{0, 2147483647}));
}

TEST(Weights, AScalarHasNoDimensions) {
  EXPECT_EQ(decode(R"(],"dtype":"float32")", bytes_of<float>({3}), DType::F32), (std::vector<double>{3}));
}

TEST(Weights, EmptyWeightsTakeNoBytes) {
  auto parsed = parse(group(
      "\"w\"", R"({"name":"a","shape":[0,4],"dtype":"float32"},{"name":"b","shape":[1],"dtype":"float32"},
                                        {"name":"c","shape":[0],"dtype":"int32"})"));
  ASSERT_TRUE(parsed) << error_of(parsed);
  ASSERT_TRUE(set(parsed->weights, 0, bytes_of<float>({5})));
  EXPECT_EQ(parsed->weights.tensor(0)->shape(), (Shape{0, 4}));
  EXPECT_EQ(parsed->weights.tensor(1)->at(0), 5);
  EXPECT_EQ(parsed->weights.tensor(2)->shape(), (Shape{0}));
}

TEST(Weights, JoinsTensorsThatSpanShards) {
  auto parsed =
      parse(group(R"("s1","s2","s3","s4")",
                  R"({"name":"a","shape":[1],"dtype":"float32"},{"name":"b","shape":[3],"dtype":"int32"},
                               {"name":"c","shape":[2],"dtype":"float32","quantization":{"dtype":"float16"}})"));
  ASSERT_TRUE(parsed) << error_of(parsed);
  const std::string all =
      bytes_of<float>({1.25f}) + bytes_of<int32_t>({-1, 70000, 3}) + bytes_of<uint16_t>({0x3c00, 0x4000});
  ASSERT_EQ(all.size(), 20u);
  EXPECT_TRUE(set(parsed->weights, 0, all.substr(0, 7)));
  EXPECT_TRUE(set(parsed->weights, 1, all.substr(7, 4)));
  EXPECT_TRUE(set(parsed->weights, 2, ""));
  EXPECT_FALSE(parsed->weights.check_complete());
  EXPECT_TRUE(set(parsed->weights, 3, all.substr(11)));
  ASSERT_TRUE(parsed->weights.check_complete());
  EXPECT_EQ(parsed->weights.tensor(0)->at(0), 1.25);
  const auto b = parsed->weights.tensor(1);
  EXPECT_EQ(b->at(0), -1);
  EXPECT_EQ(b->at(1), 70000);
  EXPECT_EQ(b->at(2), 3);
  EXPECT_EQ(parsed->weights.tensor(2)->at(1), 2);
}

TEST(Weights, GivesTheMemoryThatItWasWrittenTo) {
  auto parsed = parse(group(
      "\"w\"", R"({"name":"a","shape":[2],"dtype":"float32"},{"name":"b","shape":[1],"dtype":"float16"})"));
  ASSERT_TRUE(parsed) << error_of(parsed);
  const auto room = parsed->weights.shard_room(0);
  ASSERT_TRUE(room);
  EXPECT_EQ(room->size(), 8u);
  ASSERT_TRUE(set(parsed->weights, 0, bytes_of<float>({1, 2}) + bytes_of<uint16_t>({0x3c00})));
  auto a = parsed->weights.tensor(0);
  EXPECT_EQ(a->data(), room->data());
  EXPECT_EQ(a->at(1), 2);
  // The weights hold it too: who takes it gets a copy.
  EXPECT_NE(Tensor(*a).take()->data(), room->data());
  // Asked for twice, it is decoded once.
  EXPECT_EQ(parsed->weights.tensor(1)->at(0), 1);
  EXPECT_EQ(parsed->weights.tensor(1)->at(0), 1);
  parsed->weights.release();
  EXPECT_EQ(a->at(1), 2);
  EXPECT_EQ(error_of(parsed->weights.check_complete()),
            "missing weight: the weight file 'w' has not been given");
  EXPECT_EQ(a->take()->data(), room->data());
}

TEST(Weights, KeepsSmallFormsUntilTheyAreRead) {
  auto parsed = parse(group("\"w\"", R"({"name":"a","shape":[3],"dtype":"float16"},
      {"name":"b","shape":[2],"dtype":"float32","quantization":{"dtype":"uint8","scale":0.5,"min":-1}})"));
  ASSERT_TRUE(parsed) << error_of(parsed);
  EXPECT_EQ(parsed->weights.shard_room(0)->size(), 6u);
  ASSERT_TRUE(set(parsed->weights, 0, bytes_of<uint16_t>({0x3c00, 0x4000, 0}) + bytes_of<uint8_t>({0, 7})));
  auto a = parsed->weights.tensor(0);
  const auto b = parsed->weights.tensor(1);
  EXPECT_TRUE(a->is_lazy());
  EXPECT_TRUE(b->is_lazy());
  parsed->weights.release();
  EXPECT_EQ(b->at(1), 2.5);
  EXPECT_FALSE(b->is_lazy());
  EXPECT_EQ(b->at(0), -1);
  const auto buffer = a->take();
  ASSERT_TRUE(buffer);
  EXPECT_EQ(reinterpret_cast<const float*>(buffer->data())[1], 2);
}

// The host's memory, as a test sees it.
int blocks_alive = 0;
bool has_room = true;

class TestBlock final : public HostBlock {
 public:
  explicit TestBlock(uint64_t bytes) : HostBlock(1), bytes_(bytes) { ++blocks_alive; }
  ~TestBlock() override { --blocks_alive; }
  void write(uint64_t at, std::span<const std::byte> bytes) override {
    ASSERT_LE(at + bytes.size(), bytes_.size());
    std::ranges::copy(bytes, bytes_.begin() + static_cast<ptrdiff_t>(at));
  }
  void read(std::byte* into) const override { std::ranges::copy(bytes_, into); }

 private:
  std::vector<std::byte> bytes_;
};

Result<std::unique_ptr<HostBlock>> allocate_block(uint64_t bytes) {
  if (!has_room) return fail(ErrorCode::OutOfMemory, "no room");
  return std::make_unique<TestBlock>(bytes);
}

TEST(Weights, KeepsLargeOnesInTheHostsMemory) {
  const std::string manifest = group(R"("v","w")", R"({"name":"a","shape":[9000],"dtype":"float32"},
      {"name":"small","shape":[2],"dtype":"float32"},
      {"name":"b","shape":[9001],"dtype":"float16"}, {"name":"c","shape":[70001],"dtype":"bool"},
      {"name":"d","shape":[9001],"dtype":"uint8"}, {"name":"e","shape":[9000],"dtype":"int32"},
      {"name":"f","shape":[9001],"dtype":"float32","quantization":{"dtype":"uint8","scale":0.5,"min":-1}},
      {"name":"g","shape":[9001],"dtype":"int32","quantization":{"dtype":"uint16","scale":3,"min":-7}})");
  auto inside = parse(manifest);
  auto outside = parse(manifest);
  ASSERT_TRUE(inside && outside) << error_of(inside);
  outside->weights.keep_outside(allocate_block);
  std::string bytes;
  for (uint64_t i = 0; i < outside->weights.bytes(); ++i) bytes += static_cast<char>(i * 2654435761u >> 13);
  for (Weights* weights : {&inside->weights, &outside->weights}) {
    ASSERT_TRUE(set(*weights, 0, bytes.substr(0, 100'001)));
    ASSERT_TRUE(set(*weights, 1, bytes.substr(100'001)));
  }
  EXPECT_EQ(blocks_alive, 7);
  for (size_t i = 0; i < 8; ++i) {
    auto expected = inside->weights.tensor(i), found = outside->weights.tensor(i);
    ASSERT_TRUE(expected && found) << error_of(found);
    EXPECT_EQ(found->is_lazy(), i != 1);
    // Where the elements are what is stored, nobody need read them.
    EXPECT_EQ(found->block() != nullptr, i == 0 || i == 5);
    // Bits, as some are NaN.
    EXPECT_EQ(std::memcmp(expected->data(), found->data(), expected->bytes()), 0) << i;
  }
  outside->weights.release();
  EXPECT_EQ(blocks_alive, 0);
}

TEST(Weights, SaysWhereTheHostHasNoMemory) {
  auto parsed = parse(group("\"w\"", R"({"name":"a","shape":[9000],"dtype":"float32"})"));
  ASSERT_TRUE(parsed) << error_of(parsed);
  parsed->weights.keep_outside(allocate_block);
  has_room = false;
  const auto full = set(parsed->weights, 0, "x");
  has_room = true;
  EXPECT_EQ(error_of(full), "out of memory: no room");
}

TEST(Weights, TakesShardsInTheirOrderOnly) {
  auto parsed = parse(group(R"("s1","s2")", R"({"name":"a","shape":[2],"dtype":"float32"})"));
  ASSERT_TRUE(parsed) << error_of(parsed);
  EXPECT_EQ(error_of(set(parsed->weights, 1, "x")),
            "invalid argument: shard 1 is given where shard 0 would be next");
  const auto room = parsed->weights.shard_room(0);
  ASSERT_TRUE(room);
  EXPECT_EQ(error_of(parsed->weights.shard_filled(0, 9)),
            "invalid argument: 9 bytes of shard 0, but there was room for 8");
}

TEST(Weights, CountsBytesByType) {
  auto parsed = parse(
      group("\"w\"", R"({"name":"a","shape":[2],"dtype":"float32"},{"name":"b","shape":[3],"dtype":"float32"},
    {"name":"c","shape":[5],"dtype":"float32","quantization":{"dtype":"uint16","scale":1,"min":0}})"));
  ASSERT_TRUE(parsed) << error_of(parsed);
  const auto types = parsed->weights.by_type();
  ASSERT_EQ(types.size(), 2u);
  EXPECT_EQ(types[0].type, "float32");
  EXPECT_EQ(types[0].bytes, 20u);
  EXPECT_EQ(types[0].elements, 5u);
  EXPECT_EQ(types[1].type, "uint16");
  EXPECT_EQ(types[1].bytes, 10u);
  EXPECT_EQ(parsed->weights.bytes(), 30u);
}

TEST(Weights, WrongSizesNameFileBytesAndWeight) {
  const std::string manifest = group(R"("s1.bin","s2.bin")", R"({"name":"a","shape":[2],"dtype":"float32"},
    {"name":"b","shape":[2],"dtype":"int32"})");
  auto parsed = parse(manifest);
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(set(parsed->weights, 0, std::string(9, 'x')));
  EXPECT_EQ(error_of(set(parsed->weights, 1, "x")),
            "wrong size: 's1.bin' to 's2.bin' hold 10 bytes, but the manifest's weights take 16: the data "
            "end within "
            "weight 'b'");
  auto longer = parse(manifest);
  ASSERT_TRUE(longer);
  EXPECT_TRUE(set(longer->weights, 0, std::string(9, 'x')));
  EXPECT_EQ(error_of(set(longer->weights, 1, std::string(8, 'x'))),
            "wrong size: 's1.bin' to 's2.bin' hold more than the 16 bytes that the manifest's weights take");
  EXPECT_FALSE(longer->weights.check_complete());

  auto single = parse(group("\"w.bin\"", R"({"name":"a","shape":[2],"dtype":"float32"})"));
  ASSERT_TRUE(single);
  EXPECT_EQ(error_of(single->weights.check_complete()),
            "missing weight: the weight file 'w.bin' has not been given");
  EXPECT_EQ(
      error_of(set(single->weights, 0, "")),
      "wrong size: 'w.bin' holds 0 bytes, but the manifest's weights take 8: the data end within weight 'a'");
  EXPECT_EQ(error_of(set(single->weights, 1, "")), "invalid argument: there is no shard 1; the model has 1");
}

TEST(Weights, MalformedManifestsAreErrors) {
  const std::pair<std::string, const char*> cases[] = {
      {"{}", "must be an array"},
      {"[1]", "[0] must be an object"},
      {R"([{"weights":[]}])", "has no 'paths'"},
      {R"([{"paths":[]}])", "has no 'weights'"},
      {R"([{"paths":[],"weights":[{"name":"a","shape":[1],"dtype":"float32"}]}])",
       "holds weights but no paths"},
      {group("1", ""), "[0].paths[0] must be a string"},
      {group("\"\"", ""), "without a path"},
      {group("\"../w\"", ""), "leaves the model's folder by '..'"},
      {group("\"a/../../w\"", ""), "leaves the model's folder by '..'"},
      {group("\"a\\\\..\\\\w\"", ""), "leaves the model's folder by '..'"},
      {group("\"w\"", R"({"shape":[1],"dtype":"float32"})"), "has no 'name'"},
      {group("\"w\"", R"({"name":"a","dtype":"float32"})"), "has no 'shape'"},
      {group("\"w\"", R"({"name":"a","shape":[1]})"), "has no 'dtype'"},
      {group("\"w\"", R"({"name":"a","shape":[1.5],"dtype":"int32"})"), "must be a whole number"},
      {group("\"w\"", R"({"name":"a","shape":[-1],"dtype":"int32"})"), "dimension -1"},
      {group("\"w\"", R"({"name":"a","shape":[65536,65536,65536,65536],"dtype":"int32"})"), "too large"},
      {group("\"w\"", R"({"name":"a","shape":[9223372036854775807],"dtype":"int32"})"), "too large"},
      {group("\"w\"", R"({"name":"a","shape":[1,1,1,1,1,1,1],"dtype":"int32"})"), "7 dimensions"},
      {group(
           "\"w\"",
           R"({"name":"a","shape":[268435456],"dtype":"int32"},{"name":"b","shape":[268435456],"dtype":"int32"},
                         {"name":"c","shape":[1],"dtype":"int32"})"),
       "the weights up to 'c' take"},
      {group("\"w\"", R"({"name":"a","shape":[1],"dtype":"int32"},{"name":"a","shape":[1],"dtype":"int32"})"),
       "lists weight 'a' twice"},
      {group("\"w\"", R"({"name":"a","shape":[1],"dtype":"string"})"), "weight 'a' has the type 'string'"},
      {group("\"w\"", R"({"name":"a","shape":[1],"dtype":"complex64"})"),
       "weight 'a' has the type 'complex64'"},
      {group("\"w\"", R"({"name":"a","shape":[1],"dtype":"float32","quantization":{"dtype":"int4"}})"),
       "weight 'a' has the quantisation 'int4'"},
      {group("\"w\"",
             R"({"name":"a","shape":[1],"dtype":"float32","quantization":{"dtype":"uint8","min":0}})"),
       "has no 'scale'"},
      {group("\"w\"",
             R"({"name":"a","shape":[1],"dtype":"float32","quantization":{"dtype":"uint8","scale":1}})"),
       "has no 'min'"},
      {group("\"w\"",
             R"({"name":"a","shape":[1],"dtype":"bool","quantization":{"dtype":"uint8","scale":1,"min":0}})"),
       "quantised type 'bool'"},
      {group("\"w\"", R"({"name":"a","shape":[1],"dtype":"int32","quantization":{"dtype":"float16"}})"),
       "float16-quantised type 'int32'"},
  };
  for (const auto& [manifest, expected] : cases) {
    const std::string error = error_of(parse(manifest));
    EXPECT_NE(error.find(expected), std::string::npos) << manifest << "\n" << error;
  }
}

TEST(Weights, AddressesOutsideAreAllowed) {
  auto parsed = parse(group(R"("https://example.com/a..b/w.bin")", ""));
  ASSERT_TRUE(parsed) << error_of(parsed);
  EXPECT_EQ(parsed->weights.shard_path(0), "https://example.com/a..b/w.bin");
}

TEST(Weights, FindsTheOnlySuffix) {
  auto parsed = parse(group(
      "\"w\"",
      R"({"name":"model/a/kernel","shape":[1],"dtype":"bool"},{"name":"x/b/kernel","shape":[1],"dtype":"bool"},
                                        {"name":"y/b/kernel","shape":[1],"dtype":"bool"})"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->weights.find_suffix("a/kernel"), 0u);
  EXPECT_EQ(parsed->weights.find_suffix("b/kernel"), SIZE_MAX);
  EXPECT_EQ(parsed->weights.find_suffix("kernel/a"), SIZE_MAX);
  EXPECT_EQ(parsed->weights.find("a/kernel"), SIZE_MAX);
}

}  // namespace
}  // namespace linnet

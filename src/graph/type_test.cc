#include "graph/type.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graph/test_graph.h"

namespace linnet {
namespace {

using testing::error_of;
using testing::lazy_tensor;

Result<Shape> make(std::vector<int64_t> dims, DType dtype = DType::F32) {
  return Shape::make(dims, dtype, "x");
}

TEST(Shape, TakesUpToSixDimensions) {
  const auto shape = make({1, 2, 3, 4, 5, 6});
  ASSERT_TRUE(shape);
  EXPECT_EQ(shape->elements(), 720);
  EXPECT_EQ(shape->to_string(), "[1,2,3,4,5,6]");
  EXPECT_EQ(shape->back(), 6);
  EXPECT_EQ(shape->back(5), 1);
  EXPECT_EQ(make({})->elements(), 1);
  EXPECT_EQ(error_of(make({1, 1, 1, 1, 1, 1, 1})),
            "unsupported type: 'x' has 7 dimensions, at most 6 are supported");
}

TEST(Shape, RefusesNegativeDimensions) {
  EXPECT_EQ(error_of(make({2, -1})), "shape mismatch: 'x' has dimension -1, dimensions must not be negative");
}

TEST(Shape, TakesExactlyTheLargestTensor) {
  const int64_t most = kMaxTensorBytes;
  EXPECT_TRUE(make({most}, DType::U8));
  EXPECT_TRUE(make({most / 4}));
  EXPECT_TRUE(make({1 << 14, 1 << 14}));
  for (const auto& [dims, dtype] :
       std::vector<std::pair<std::vector<int64_t>, DType>>{{{most + 1}, DType::U8},
                                                           {{most / 4 + 1}, DType::F32},
                                                           {{most / 2 + 1}, DType::F16},
                                                           {{INT64_MAX}, DType::U8},
                                                           {{int64_t{1} << 32, int64_t{1} << 32}, DType::U8},
                                                           {{1 << 22, 1 << 22, 1 << 22}, DType::F32},
                                                           {{0, int64_t{1} << 40}, DType::F32},
                                                           {{0, 1 << 20, 1 << 20}, DType::F32}}) {
    const auto shape = make(dims, dtype);
    ASSERT_FALSE(shape) << dims[0];
    EXPECT_EQ(shape.error().code(), ErrorCode::TooLarge);
  }
}

TEST(Shape, ComparesRankAndSizes) {
  EXPECT_EQ((Shape{2, 3}), (Shape{2, 3}));
  EXPECT_FALSE((Shape{2, 3}) == (Shape{3, 2}));
  EXPECT_FALSE((Shape{2}) == (Shape{2, 1}));
  EXPECT_EQ(Shape::of_checked(Shape{2, 3}.dims()), (Shape{2, 3}));
}

TEST(Shape, BroadcastsByNumpysRule) {
  const struct {
    Shape a, b, result;
  } cases[] = {{{2, 3}, {2, 3}, {2, 3}},
               {{2, 3}, {3}, {2, 3}},
               {{}, {4, 1}, {4, 1}},
               {{4, 1, 3}, {5, 1}, {4, 5, 3}},
               {{1, 1}, {7, 1, 1, 2}, {7, 1, 1, 2}},
               {{0, 3}, {1, 3}, {0, 3}},
               {{1}, {0}, {0}}};
  for (const auto& [a, b, result] : cases) {
    EXPECT_EQ(*broadcast_shapes(a, b, "n"), result) << a.to_string() << b.to_string();
    EXPECT_EQ(*broadcast_shapes(b, a, "n"), result) << b.to_string() << a.to_string();
  }
  EXPECT_EQ(error_of(broadcast_shapes({2, 3}, {2}, "n")),
            "shape mismatch: n: shapes [2,3] and [2] do not broadcast");
  EXPECT_FALSE(broadcast_shapes({0}, {2}, "n"));
}

TEST(Elements, AreStoredByTheRulesOfTheirType) {
  const double infinity = INFINITY;
  const struct {
    DType dtype;
    double value, stored;
  } cases[] = {{DType::F32, 0.1, static_cast<double>(0.1f)},
               {DType::F16, 1.0 + 1.0 / 4096, 1},
               {DType::F16, 70000, infinity},
               {DType::I32, -1.9, -1},
               {DType::I32, 3e9, 2147483647},
               {DType::I32, -3e9, -2147483648.0},
               {DType::I32, -infinity, -2147483648.0},
               {DType::I32, NAN, 0},
               {DType::I8, 127.9, 127},
               {DType::I8, -128.9, -128},
               {DType::I8, 300, 127},
               {DType::U8, -3, 0},
               {DType::U8, 255.5, 255},
               {DType::U8, infinity, 255},
               {DType::Bool, -0.5, 1},
               {DType::Bool, 0, 0}};
  for (const auto& [dtype, value, stored] : cases) {
    // Between guards, at an odd address.
    std::byte bytes[13];
    for (std::byte& byte : bytes) byte = std::byte{0xa5};
    store_double(dtype, bytes + 1, 1, value);
    EXPECT_EQ(element_as_double(dtype, bytes + 1, 1), stored) << dtype_name(dtype) << " " << value;
    const size_t begin = 1 + dtype_size(dtype);
    for (size_t i = 0; i < sizeof bytes; ++i)
      if (i < begin || i >= begin + dtype_size(dtype)) EXPECT_EQ(bytes[i], std::byte{0xa5}) << i;
  }
}

TEST(DType, NamesGoBothWays) {
  for (const DType dtype : {DType::F32, DType::F16, DType::I32, DType::I8, DType::U8, DType::Bool}) {
    DType found = DType::F32;
    EXPECT_TRUE(dtype_from_name(dtype_name(dtype), &found));
    EXPECT_EQ(found, dtype);
  }
  DType dtype;
  EXPECT_FALSE(dtype_from_name("float", &dtype));
}

TEST(Tensor, HoldsAndSharesElements) {
  const auto tensor = Tensor::of_i32({2, 2}, std::array{1, -2, 3, 4});
  ASSERT_TRUE(tensor);
  EXPECT_EQ(tensor->at(1), -2);
  const Tensor copy = *tensor;
  EXPECT_EQ(copy.data(), tensor->data());
  EXPECT_EQ(Tensor::zeros(DType::F16, {3})->at(2), 0);
}

TEST(Tensor, LazyElementsAreComputedOnce) {
  int computed = 0;
  const auto compute = [&]() -> Result<Buffer> {
    ++computed;
    const float values[] = {1, 2, 3};
    return Buffer::copy_of(std::as_bytes(std::span(values)));
  };
  Tensor tensor = lazy_tensor(DType::F32, {3}, compute);
  Tensor other = tensor;
  EXPECT_TRUE(tensor.is_lazy());
  EXPECT_FALSE(tensor.empty());
  EXPECT_EQ(tensor.bytes(), 12u);
  EXPECT_EQ(computed, 0);
  // Taking leaves the others what they had.
  const auto taken = other.take();
  ASSERT_TRUE(taken);
  EXPECT_EQ(reinterpret_cast<const float*>(taken->data())[2], 3);
  EXPECT_TRUE(other.empty());
  EXPECT_TRUE(tensor.is_lazy());
  other = tensor;
  EXPECT_EQ(tensor.at(1), 2);
  EXPECT_FALSE(other.is_lazy());
  EXPECT_EQ(other.data(), tensor.data());
  EXPECT_EQ(computed, 2);
  // Shared elements are copied, others handed over.
  const std::byte* data = tensor.data();
  EXPECT_NE(other.take()->data(), data);
  EXPECT_EQ(tensor.take()->data(), data);
  EXPECT_EQ(computed, 2);
}

TEST(Tensor, LazyElementsMayFindNoMemory) {
  const auto none = []() -> Result<Buffer> { return fail(ErrorCode::OutOfMemory, "none"); };
  Tensor tensor = lazy_tensor(DType::F32, {3}, none);
  EXPECT_FALSE(tensor.prepare());
  EXPECT_TRUE(tensor.is_lazy());
  EXPECT_FALSE(tensor.take());
}

}  // namespace
}  // namespace linnet

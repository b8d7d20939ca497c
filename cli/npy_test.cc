#include "cli/npy.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>

namespace linnet {
namespace {

std::vector<std::byte> bytes_of(const std::string& text) {
  std::vector<std::byte> out(text.size());
  std::memcpy(out.data(), text.data(), text.size());
  return out;
}

// A version 1 or 2 file with the given header text and element bytes.
std::vector<std::byte> file(int version, const std::string& header, const std::string& elements) {
  std::string text("\x93NUMPY", 6);
  text += static_cast<char>(version);
  text += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) text += static_cast<char>(header.size() >> (8 * i) & 255);
  return bytes_of(text + header + elements);
}

template <class T>
std::string raw(std::initializer_list<T> values) {
  return std::string(reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T));
}

ErrorCode code_of(const std::vector<std::byte>& bytes) {
  const auto read = read_npy(bytes);
  EXPECT_FALSE(read);
  return read ? ErrorCode::BadHandle : read.error().code();
}

TEST(Npy, ReadsWhatNumPyWrites) {
  // numpy.save of arange(6, dtype='<f4').reshape(2, 3), whose header NumPy pads to 118 bytes.
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  header.resize(117, ' ');
  header += '\n';
  const auto tensor = read_npy(file(1, header, raw({0.0f, 1.0f, 2.0f, 3.0f, 4.0f, 5.0f})));
  ASSERT_TRUE(tensor) << tensor.error().detail();
  EXPECT_EQ(tensor->dtype(), DType::F32);
  EXPECT_EQ(tensor->shape(), (Shape{2, 3}));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(tensor->at(i), i);
}

TEST(Npy, ReadsVersion2ScalarsAndVectors) {
  const auto scalar =
      read_npy(file(2, "{'descr': '<i4', 'fortran_order': False, 'shape': (), }\n", raw({7})));
  ASSERT_TRUE(scalar) << scalar.error().detail();
  EXPECT_EQ(scalar->shape().rank(), 0);
  EXPECT_EQ(scalar->at(0), 7);
  const auto vector = read_npy(file(1, R"({"shape":(2,),"descr":"|u1","fortran_order":False})", "\x01\xff"));
  ASSERT_TRUE(vector) << vector.error().detail();
  EXPECT_EQ(vector->at(1), 255);
}

TEST(Npy, NarrowsTheTypesThatNumPyPrefers) {
  const auto real =
      read_npy(file(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", raw({0.1, -2.0})));
  ASSERT_TRUE(real);
  EXPECT_EQ(real->dtype(), DType::F32);
  EXPECT_EQ(real->as<float>()[0], 0.1f);
  const std::string whole = "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }";
  const auto fits = read_npy(file(1, whole, raw<int64_t>({-5})));
  ASSERT_TRUE(fits);
  EXPECT_EQ(fits->dtype(), DType::I32);
  EXPECT_EQ(fits->at(0), -5);
  EXPECT_EQ(code_of(file(1, whole, raw<int64_t>({int64_t{1} << 31}))), ErrorCode::UnsupportedType);
}

TEST(Npy, WritesWhatItReads) {
  const auto tensor = Tensor::of_f32({2, 1, 2}, std::vector<float>{1, -2, 3.5f, 1e-30f});
  ASSERT_TRUE(tensor);
  const std::vector<std::byte> written = write_npy(tensor->view());
  EXPECT_EQ((written.size() - 16) % 64, 0u);
  const auto again = read_npy(written);
  ASSERT_TRUE(again) << again.error().detail();
  EXPECT_EQ(again->shape(), tensor->shape());
  EXPECT_EQ(std::memcmp(again->data(), tensor->data(), 16), 0);

  for (const Shape& shape : {Shape{}, Shape{3}, Shape{0, 4}}) {
    const auto whole = Tensor::zeros(DType::I32, shape);
    ASSERT_TRUE(whole);
    const auto back = read_npy(write_npy(whole->view()));
    ASSERT_TRUE(back) << back.error().detail();
    EXPECT_EQ(back->shape(), shape);
  }
}

TEST(Npy, BadFilesAreErrors) {
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  EXPECT_EQ(code_of(file(1, good, raw({1.0f}))), ErrorCode::WrongSize);
  EXPECT_EQ(code_of(file(1, good, raw({1.0f, 2.0f, 3.0f}))), ErrorCode::WrongSize);
  EXPECT_EQ(code_of(file(3, good, raw({1.0f, 2.0f}))), ErrorCode::UnsupportedType);
  EXPECT_EQ(code_of(file(1, "{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", "12345678")),
            ErrorCode::UnsupportedType);
  EXPECT_EQ(code_of(file(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }", "12345678")),
            ErrorCode::UnsupportedType);
  for (const char* header :
       {"", "{}", "{'descr': ", "{'descr': '", "{'descr': '<f4', 'fortran_order': False, 'shape': (2",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (x,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2x4), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }"}) {
    EXPECT_FALSE(read_npy(file(1, header, raw({1.0f, 2.0f})))) << header;
  }
  EXPECT_FALSE(
      read_npy(file(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", "")));
  const std::vector<std::byte> whole = file(1, good, raw({1.0f, 2.0f}));
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(read_npy(std::span(whole).first(length))) << length;
  }
}

}  // namespace
}  // namespace linnet

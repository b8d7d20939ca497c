#include "graph/type.h"

#include <cstdio>
#include <cstring>
#include <limits>

#include "base/format.h"
#include "base/half.h"

namespace linnet {

namespace {

struct DTypeInfo {
  const char* name;
  size_t size;
};
constexpr DTypeInfo kDTypes[] = {{"f32", 4}, {"f16", 2}, {"i32", 4}, {"i8", 1}, {"u8", 1}, {"bool", 1}};

}  // namespace

size_t dtype_size(DType dtype) {
  return kDTypes[static_cast<size_t>(dtype)].size;
}

const char* dtype_name(DType dtype) {
  return kDTypes[static_cast<size_t>(dtype)].name;
}

bool dtype_from_name(std::string_view name, DType* dtype) {
  for (size_t i = 0; i < std::size(kDTypes); ++i) {
    if (name != kDTypes[i].name) continue;
    *dtype = static_cast<DType>(i);
    return true;
  }
  return false;
}

Shape::Shape(std::initializer_list<int64_t> dims) {
  CHECK(dims.size() <= kMaxRank);
  for (int64_t dim : dims) dims_[static_cast<size_t>(rank_++)] = static_cast<int32_t>(dim);
}

Result<Shape> Shape::make(std::span<const int64_t> dims, DType dtype, std::string_view what) {
  const int name_length = static_cast<int>(what.size());
  if (dims.size() > kMaxRank)
    return fail(ErrorCode::UnsupportedType, "'%.*s' has %zu dimensions, at most %d are supported",
                name_length, what.data(), dims.size(), kMaxRank);
  Shape shape;
  uint64_t bytes = dtype_size(dtype);
  for (int64_t dim : dims) {
    if (dim < 0)
      return fail(ErrorCode::ShapeMismatch, "'%.*s' has dimension %lld, dimensions must not be negative",
                  name_length, what.data(), static_cast<long long>(dim));
    // A zero dimension must not hide an absurd one beside it.
    const uint64_t factor = dim > 0 ? static_cast<uint64_t>(dim) : 1;
    if (factor > static_cast<uint64_t>(kMaxTensorBytes) ||
        bytes * factor > static_cast<uint64_t>(kMaxTensorBytes))
      return fail(ErrorCode::TooLarge, "'%.*s' is larger than %lld bytes, the most that a tensor may have",
                  name_length, what.data(), static_cast<long long>(kMaxTensorBytes));
    bytes *= factor;
    shape.dims_[static_cast<size_t>(shape.rank_++)] = static_cast<int32_t>(dim);
  }
  return shape;
}

Shape Shape::of_checked(std::span<const int32_t> dims) {
  CHECK(dims.size() <= kMaxRank);
  Shape shape;
  for (int32_t dim : dims) shape.dims_[static_cast<size_t>(shape.rank_++)] = dim;
  return shape;
}

int64_t Shape::elements() const {
  int64_t count = 1;
  for (int32_t dim : dims()) count *= dim;
  return count;
}

std::string Shape::to_string() const {
  std::string text = "[";
  for (int i = 0; i < rank_; ++i) {
    if (i > 0) text += ',';
    text += decimal((*this)[i]);
  }
  return text + "]";
}

bool Shape::operator==(const Shape& other) const {
  return rank_ == other.rank_ &&
         std::memcmp(dims_.data(), other.dims_.data(), sizeof(int32_t) * static_cast<size_t>(rank_)) == 0;
}

Result<Shape> broadcast_shapes(const Shape& a, const Shape& b, std::string_view what) {
  Shape result = a.rank() >= b.rank() ? a : b;
  for (int i = 0; i < result.rank(); ++i) {
    const int32_t da = i < a.rank() ? a.back(i) : 1;
    const int32_t db = i < b.rank() ? b.back(i) : 1;
    if (da != db && da != 1 && db != 1)
      return fail(ErrorCode::ShapeMismatch, "%.*s: shapes %s and %s do not broadcast",
                  static_cast<int>(what.size()), what.data(), a.to_string().c_str(), b.to_string().c_str());
    result.set(result.rank() - 1 - i, da == 1 ? db : da);
  }
  return result;
}

Result<Tensor> Tensor::zeros(DType dtype, const Shape& shape) {
  TRY_ASSIGN(Buffer buffer, Buffer::allocate(static_cast<uint64_t>(shape.elements()) * dtype_size(dtype)));
  if (buffer.size() > 0) std::memset(buffer.data(), 0, buffer.size());
  return Tensor(dtype, shape, std::move(buffer));
}

Result<Tensor> Tensor::of_f32(const Shape& shape, std::span<const float> values) {
  CHECK(static_cast<int64_t>(values.size()) == shape.elements());
  TRY_ASSIGN(Buffer buffer, Buffer::copy_of(std::as_bytes(values)));
  return Tensor(DType::F32, shape, std::move(buffer));
}

Result<Tensor> Tensor::of_i32(const Shape& shape, std::span<const int32_t> values) {
  CHECK(static_cast<int64_t>(values.size()) == shape.elements());
  TRY_ASSIGN(Buffer buffer, Buffer::copy_of(std::as_bytes(values)));
  return Tensor(DType::I32, shape, std::move(buffer));
}

Tensor::Tensor(DType dtype, const Shape& shape, Buffer buffer)
    : Tensor(dtype, shape, std::make_shared<Elements>(std::move(buffer), nullptr)) {}

Tensor Tensor::lazy(DType dtype, const Shape& shape, std::unique_ptr<const Source> source) {
  Tensor tensor(dtype, shape, Buffer());
  tensor.elements_->source = std::move(source);
  return tensor;
}

Result<void> Tensor::prepare() const {
  if (!is_lazy()) return {};
  TRY_ASSIGN(elements_->buffer, elements_->source->elements());
  elements_->source = nullptr;
  return {};
}

const std::byte* Tensor::data() const {
  CHECK(prepare());
  return elements_->buffer.data();
}

Result<Buffer> Tensor::take() {
  const std::shared_ptr<Elements> elements = std::move(elements_);
  if (elements->source != nullptr) return elements->source->elements();
  if (elements.use_count() > 1) return Buffer::copy_of({elements->buffer.data(), bytes()});
  return std::move(elements->buffer);
}

double element_as_double(DType dtype, const std::byte* data, int64_t index) {
  const std::byte* at = data + static_cast<size_t>(index) * dtype_size(dtype);
  switch (dtype) {
    case DType::F32: {
      float value;
      std::memcpy(&value, at, sizeof value);
      return static_cast<double>(value);
    }
    case DType::F16: {
      uint16_t value;
      std::memcpy(&value, at, sizeof value);
      return static_cast<double>(half_to_float(value));
    }
    case DType::I32: {
      int32_t value;
      std::memcpy(&value, at, sizeof value);
      return value;
    }
    case DType::I8:
      return static_cast<int8_t>(*at);
    case DType::U8:
    case DType::Bool:
      return static_cast<uint8_t>(*at);
  }
  return 0;
}

namespace {

// Whole-number types saturate and drop the fraction; NaN becomes 0.
template <class T>
T saturate(double value) {
  constexpr double low = static_cast<double>(std::numeric_limits<T>::min());
  constexpr double high = static_cast<double>(std::numeric_limits<T>::max());
  if (!(value > low)) return value <= low ? std::numeric_limits<T>::min() : T{0};
  return value >= high ? std::numeric_limits<T>::max() : static_cast<T>(value);
}

template <class T>
void put(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

}  // namespace

void store_double(DType dtype, std::byte* data, int64_t index, double value) {
  std::byte* at = data + static_cast<size_t>(index) * dtype_size(dtype);
  switch (dtype) {
    case DType::F32:
      return put(at, static_cast<float>(value));
    case DType::F16:
      return put(at, float_to_half(static_cast<float>(value)));
    case DType::I32:
      return put(at, saturate<int32_t>(value));
    case DType::I8:
      return put(at, saturate<int8_t>(value));
    case DType::U8:
      return put(at, saturate<uint8_t>(value));
    case DType::Bool:
      return put(at, static_cast<uint8_t>(value != 0));
  }
}

double Tensor::at(int64_t index) const {
  return element_as_double(dtype_, data(), index);
}

}  // namespace linnet

// Element types, shapes and tensors.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "base/host_memory.h"
#include "base/result.h"

namespace linnet {

enum class DType : uint8_t { F32, F16, I32, I8, U8, Bool };

// Bytes of one element. Bool takes one byte, 0 or 1.
size_t dtype_size(DType dtype);
// "f32", "i32", ... as in the graph's text.
const char* dtype_name(DType dtype);
// The type called `name`; false when there is none.
bool dtype_from_name(std::string_view name, DType* dtype);

// The largest tensor that the engine accepts, in bytes: offsets and indices then fit 31 bits everywhere.
inline constexpr int64_t kMaxTensorBytes = int64_t{1} << 30;

// Dimensions, outermost first. All are known and at least 0 once a graph is built.
class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims);
  // Fails for a rank above kMaxRank, a negative dimension, or more than kMaxTensorBytes bytes of `dtype`;
  // `what` names the tensor in the message.
  static Result<Shape> make(std::span<const int64_t> dims, DType dtype, std::string_view what);

  // From dimensions that `make` accepted before.
  static Shape of_checked(std::span<const int32_t> dims);

  int rank() const { return rank_; }
  int32_t operator[](int axis) const { return dims_[static_cast<size_t>(axis)]; }
  void set(int axis, int64_t size) { dims_[static_cast<size_t>(axis)] = static_cast<int32_t>(size); }
  // Counts from the end: back() is the innermost dimension, back(1) the one before.
  int32_t back(int from_end = 0) const { return dims_[static_cast<size_t>(rank_ - 1 - from_end)]; }
  std::span<const int32_t> dims() const { return {dims_.data(), static_cast<size_t>(rank_)}; }
  int64_t elements() const;
  // "[1,224,224,3]"
  std::string to_string() const;
  bool operator==(const Shape& other) const;

 private:
  std::array<int32_t, kMaxRank> dims_{};
  int rank_ = 0;
};

// The shape two operands broadcast to, by NumPy's rule. `what` names the node in the message.
Result<Shape> broadcast_shapes(const Shape& a, const Shape& b, std::string_view what);

// Element `index` of unaligned data, as a number, whatever the type.
double element_as_double(DType dtype, const std::byte* data, int64_t index);
// Stores `value` as element `index`. Whole-number types saturate and drop the fraction, NaN becomes 0; Bool
// stores whether it is not 0.
void store_double(DType dtype, std::byte* data, int64_t index, double value);

// A view of elements in row-major order that somebody else owns.
struct TensorView {
  DType dtype = DType::F32;
  Shape shape;
  std::byte* data = nullptr;

  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
  int64_t elements() const { return shape.elements(); }
  size_t bytes() const { return static_cast<size_t>(elements()) * dtype_size(dtype); }
};

// A constant: shared, immutable, row-major. It may be lazy: what its elements are made of, such as stored
// weights of half the size, is kept until they are first read.
class Tensor {
 public:
  // What elements are made of.
  class Source {
   public:
    Source() = default;
    // Of one that takes the elements of `other`.
    explicit Source(const Tensor& other) : depth_(other.depth() + 1) {}
    virtual ~Source() = default;
    // As often as it is called. Fails with OutOfMemory.
    virtual Result<Buffer> elements() const = 0;
    // What holds the elements as they are, if anything but this does.
    virtual const HostBlock* block() const { return nullptr; }
    int depth() const { return depth_; }

   private:
    const int depth_ = 1;
  };
  struct Elements {
    Buffer buffer;                         // at least the shape's elements
    std::unique_ptr<const Source> source;  // or this, as long as they are to be computed
  };

  Tensor() = default;
  Tensor(DType dtype, const Shape& shape, std::shared_ptr<Elements> elements)
      : dtype_(dtype), shape_(shape), elements_(std::move(elements)) {}
  Tensor(DType dtype, const Shape& shape, Buffer buffer);
  static Tensor lazy(DType dtype, const Shape& shape, std::unique_ptr<const Source> source);
  // A zeroed tensor to fill through `mutable_data` before it is shared.
  static Result<Tensor> zeros(DType dtype, const Shape& shape);
  static Result<Tensor> of_f32(const Shape& shape, std::span<const float> values);
  static Result<Tensor> of_i32(const Shape& shape, std::span<const int32_t> values);

  bool empty() const { return elements_ == nullptr; }
  bool is_lazy() const { return !empty() && elements_->source != nullptr; }
  // Whether what is computed from this tensor may be lazy too: it is lazy itself, and not made of many such,
  // which compute each other.
  bool can_wait() const { return depth() > 0 && depth() < kMaxDepth; }
  // Computes the elements of a lazy tensor, for all that share it. Who reads elements without this risks a
  // CHECK where there is no memory.
  Result<void> prepare() const;
  // The host's memory in which the elements of a lazy tensor lie as they are, if they do; null else.
  const HostBlock* block() const { return is_lazy() ? elements_->source->block() : nullptr; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  size_t bytes() const { return static_cast<size_t>(shape_.elements()) * dtype_size(dtype_); }
  const std::byte* data() const;
  // Only for who made the tensor, before anybody else holds it.
  std::byte* mutable_data() { return const_cast<std::byte*>(data()); }
  // The elements in memory of their own, and the tensor is empty: its own where nobody else holds it, else a
  // copy. A lazy one's are computed, and those who share it still have to. Fails with OutOfMemory.
  Result<Buffer> take();
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(data());
  }
  template <class T>
  T* mutable_as() {
    return reinterpret_cast<T*>(mutable_data());
  }
  // Element `index` as a number, whatever the type.
  double at(int64_t index) const;
  TensorView view() const { return {dtype_, shape_, const_cast<std::byte*>(data())}; }

 private:
  static constexpr int kMaxDepth = 8;
  // How many lazy tensors compute each other for this one.
  int depth() const { return is_lazy() ? elements_->source->depth() : 0; }

  DType dtype_ = DType::F32;
  Shape shape_;
  std::shared_ptr<Elements> elements_;
};

}  // namespace linnet

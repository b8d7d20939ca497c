#include "cli/npy.h"

#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

namespace linnet {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kAlignment = 64;  // of the elements within the file

std::unexpected<Error> bad_header(const char* what) {
  return fail(ErrorCode::BadFile, ".npy header: %s", what);
}

// The text after `'key':`, spaces skipped.
std::optional<std::string_view> value_of(std::string_view header, std::string_view key) {
  for (const char quote : {'\'', '"'}) {
    const std::string quoted = quote + std::string(key) + quote;
    size_t at = header.find(quoted);
    if (at == header.npos) continue;
    at = header.find_first_not_of(' ', at + quoted.size());
    if (at == header.npos || header[at] != ':') continue;
    at = header.find_first_not_of(' ', at + 1);
    if (at != header.npos) return header.substr(at);
  }
  return std::nullopt;
}

// What an element of the file is: its size there, and what it becomes.
struct Element {
  std::string_view code;
  size_t bytes;
  DType dtype;
};
constexpr Element kElements[] = {
    {"<f4", 4, DType::F32}, {"<f2", 2, DType::F16},  {"<i4", 4, DType::I32}, {"|i1", 1, DType::I8},
    {"|u1", 1, DType::U8},  {"|b1", 1, DType::Bool}, {"<f8", 8, DType::F32}, {"<i8", 8, DType::I32},
};

Result<std::vector<int64_t>> parse_shape(std::string_view text) {
  if (text.empty() || text[0] != '(') return bad_header("no shape");
  const size_t close = text.find(')');
  if (close == text.npos) return bad_header("no end of the shape");
  text = text.substr(1, close - 1);
  std::vector<int64_t> dims;
  for (;;) {
    const size_t digit = text.find_first_not_of(" ,");
    if (digit == text.npos) return dims;
    text.remove_prefix(digit);
    int64_t dim = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), dim);
    if (error != std::errc() || dim < 0) return bad_header("a dimension of the shape is not a number");
    dims.push_back(dim);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (!text.empty() && text[0] != ',' && text[0] != ' ') return bad_header("the shape is malformed");
  }
}

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

Result<void> narrow(const std::byte* from, Tensor& tensor) {
  const int64_t count = tensor.shape().elements();
  if (tensor.dtype() == DType::F32) {
    float* out = tensor.mutable_as<float>();
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(load<double>(from + i * 8));
    return {};
  }
  int32_t* out = tensor.mutable_as<int32_t>();
  for (int64_t i = 0; i < count; ++i) {
    const auto value = load<int64_t>(from + i * 8);
    if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max()) {
      return fail(ErrorCode::UnsupportedType, "element %lld is %lld, which does not fit 32 bits",
                  static_cast<long long>(i), static_cast<long long>(value));
    }
    out[i] = static_cast<int32_t>(value);
  }
  return {};
}

const char* code_of(DType dtype) {
  for (const Element& element : kElements) {
    if (element.dtype == dtype) return element.code.data();
  }
  CHECK(false);
}

}  // namespace

bool is_npy(std::span<const std::byte> bytes) {
  return bytes.size() >= kMagic.size() && std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) == 0;
}

Result<Tensor> read_npy(std::span<const std::byte> bytes) {
  if (!is_npy(bytes) || bytes.size() < 12) return bad_header("the file is too short or begins otherwise");
  const int version = static_cast<int>(bytes[6]);
  if (version != 1 && version != 2) {
    return fail(ErrorCode::UnsupportedType, ".npy version %d; versions 1 and 2 are read", version);
  }
  const size_t start = version == 1 ? 10 : 12;
  const size_t length = version == 1 ? load<uint16_t>(&bytes[8]) : load<uint32_t>(&bytes[8]);
  if (bytes.size() - start < length) return bad_header("the file ends within it");
  const std::string_view header(reinterpret_cast<const char*>(&bytes[start]), length);

  const auto descr = value_of(header, "descr");
  const auto order = value_of(header, "fortran_order");
  const auto shape_text = value_of(header, "shape");
  if (!descr || descr->size() < 2 || !order || !shape_text)
    return bad_header("descr, fortran_order or shape missing");
  if (!order->starts_with("False")) {
    return fail(ErrorCode::UnsupportedType,
                ".npy in column-major order; save numpy.ascontiguousarray(array)");
  }
  const std::string code(descr->substr(1, descr->find((*descr)[0], 1) - 1));
  const Element* element = nullptr;
  for (const Element& known : kElements) {
    if (known.code == code) element = &known;
  }
  if (element == nullptr) {
    return fail(ErrorCode::UnsupportedType,
                ".npy elements of type '%s'; little-endian f2, f4, f8, i1, i4, i8, u1 and b1 are read",
                code.c_str());
  }

  TRY_ASSIGN(const std::vector<int64_t> dims, parse_shape(*shape_text));
  TRY_ASSIGN(const Shape shape, Shape::make(dims, element->dtype, "the .npy array"));
  const std::span<const std::byte> data = bytes.subspan(start + length);
  const uint64_t expected = static_cast<uint64_t>(shape.elements()) * element->bytes;
  if (data.size() != expected) {
    return fail(ErrorCode::WrongSize, "a .npy array of %s needs %llu bytes after its header; there are %zu",
                shape.to_string().c_str(), static_cast<unsigned long long>(expected), data.size());
  }
  TRY_ASSIGN(Tensor tensor, Tensor::zeros(element->dtype, shape));
  if (element->bytes == dtype_size(element->dtype)) {
    if (!data.empty()) std::memcpy(tensor.mutable_data(), data.data(), data.size());
  } else {
    TRY(narrow(data.data(), tensor));
  }
  return tensor;
}

std::vector<std::byte> write_npy(const TensorView& tensor) {
  std::string header =
      std::string("{'descr': '") + code_of(tensor.dtype) + "', 'fortran_order': False, 'shape': (";
  for (const int32_t dim : tensor.shape.dims()) header += std::to_string(dim) + ",";
  header += "), }";
  constexpr size_t kBefore = 10;
  header.append((kAlignment - (kBefore + header.size() + 1) % kAlignment) % kAlignment, ' ');
  header += '\n';

  std::vector<std::byte> out(kBefore + header.size() + tensor.bytes());
  std::memcpy(out.data(), kMagic.data(), kMagic.size());
  out[6] = std::byte{1};
  out[8] = static_cast<std::byte>(header.size() & 255);
  out[9] = static_cast<std::byte>(header.size() >> 8);
  std::memcpy(&out[kBefore], header.data(), header.size());
  if (tensor.bytes() != 0) std::memcpy(&out[kBefore + header.size()], tensor.data, tensor.bytes());
  return out;
}

}  // namespace linnet

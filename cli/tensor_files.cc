#include "cli/tensor_files.h"

#include <cctype>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>
#include <system_error>

#include "cli/io.h"
#include "cli/npy.h"

namespace linnet {
namespace {

namespace fs = std::filesystem;

std::span<const std::byte> bytes_of(const TensorView& tensor) {
  return {tensor.data, tensor.bytes()};
}

Result<void> write_one(const TensorView& tensor, const std::string& path) {
  return path.ends_with(".npy") ? write_file(path, write_npy(tensor)) : write_file(path, bytes_of(tensor));
}

}  // namespace

Result<void> fill_from_bytes(std::span<const std::byte> content, const TensorView& tensor) {
  Tensor array;
  if (is_npy(content)) {
    TRY_ASSIGN(array, read_npy(content));
    if (array.dtype() != tensor.dtype) {
      return fail(ErrorCode::TypeMismatch, "the .npy array holds %s, the input takes %s",
                  dtype_name(array.dtype()), dtype_name(tensor.dtype));
    }
    if (array.shape() != tensor.shape) {
      return fail(ErrorCode::ShapeMismatch, "the .npy array has the shape %s, the input %s",
                  array.shape().to_string().c_str(), tensor.shape.to_string().c_str());
    }
    content = bytes_of(array.view());
  } else if (content.size() != tensor.bytes()) {
    return fail(ErrorCode::WrongSize, "%zu bytes; an input of %s%s has %zu", content.size(),
                dtype_name(tensor.dtype), tensor.shape.to_string().c_str(), tensor.bytes());
  }
  if (!content.empty()) std::memcpy(tensor.data, content.data(), content.size());
  return {};
}

Result<std::vector<std::string>> write_tensors(std::span<const NamedTensor> tensors,
                                               const std::string& target) {
  std::error_code error;
  if (!target.ends_with('/') && !fs::is_directory(target, error)) {
    if (tensors.size() != 1) {
      return fail(ErrorCode::InvalidArgument, "%s: one file for %zu tensors; give a directory (%s/)",
                  target.c_str(), tensors.size(), target.c_str());
    }
    if (target == "-") {
      std::fwrite(tensors[0].view.data, 1, tensors[0].view.bytes(), stdout);
    } else {
      TRY(write_one(tensors[0].view, target));
    }
    return std::vector{target};
  }

  fs::create_directories(target, error);
  if (error) return fail(ErrorCode::Io, "%s: cannot create: %s", target.c_str(), error.message().c_str());
  std::vector<std::string> paths;
  std::set<std::string> used;
  for (const NamedTensor& tensor : tensors) {
    std::string name = file_name_of(tensor.name);
    while (!used.insert(name).second) name += '_';
    paths.push_back((fs::path(target) / (name + ".npy")).string());
    TRY(write_one(tensor.view, paths.back()));
  }
  return paths;
}

std::string file_name_of(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
    if (!plain) c = '_';
  }
  return out.empty() || out[0] == '.' ? "_" + out : out;
}

}  // namespace linnet

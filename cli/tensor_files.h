// Inputs and outputs of a model as files: .npy, or the raw little-endian elements.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "graph/type.h"

namespace linnet {

struct NamedTensor {
  std::string name;
  TensorView view;
};

// Fills `tensor` from file content: a .npy file of its type and shape, else its raw elements. Fails with
// TypeMismatch, ShapeMismatch or WrongSize, or as read_npy.
Result<void> fill_from_bytes(std::span<const std::byte> content, const TensorView& tensor);

// Writes tensors where `target` says: a directory (an existing one, or a name that ends in /; made where
// missing) gets NAME.npy for each; a file takes a single tensor, as .npy where its name ends so, else raw; -
// is stdout, raw. Gives the files' paths, in order. Fails with InvalidArgument for several tensors to one
// file, or Io.
Result<std::vector<std::string>> write_tensors(std::span<const NamedTensor> tensors,
                                               const std::string& target);

// `name` with each character that is no letter, digit, dot, - or _ replaced by _.
std::string file_name_of(std::string_view name);

}  // namespace linnet

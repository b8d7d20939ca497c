// NumPy's .npy files, versions 1 and 2: how tensors come in and go out.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "graph/type.h"

namespace linnet {

// True when the bytes begin like a .npy file.
bool is_npy(std::span<const std::byte> bytes);

// Reads little-endian arrays in row-major order: f4 (f32), f2 (f16), i4 (i32), i1, u1 and b1; and, narrowed,
// f8 as f32 and i8 as i32 (which fails where a number does not fit). Fails with UnsupportedType for another
// element type or order, WrongSize for missing or surplus bytes, InvalidArgument for a header that is none.
Result<Tensor> read_npy(std::span<const std::byte> bytes);

// The bytes of a version 1 file.
std::vector<std::byte> write_npy(const TensorView& tensor);

}  // namespace linnet

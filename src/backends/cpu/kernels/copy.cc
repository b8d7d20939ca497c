// Kernels that only move elements, and the way to the reference kernels.
#include <algorithm>
#include <cstring>

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"
#include "graph/op_def.h"

namespace linnet::cpu {

void copy_rows(const Memory& memory, const uint32_t* words, Range range, std::byte*) {
  const auto p = read_params<CopyRowsParams>(words);
  for (uint32_t row = range.begin; row < range.end; ++row)
    std::memcpy(memory.at<std::byte>(p.out) + p.out_begin + static_cast<size_t>(row) * p.out_stride,
                memory.at<std::byte>(p.x) + static_cast<size_t>(row) * p.x_stride, p.row_bytes);
}

void pad_constant(const Memory& memory, const uint32_t* words, Range range, std::byte*) {
  const auto p = read_params<PadParams>(words);
  const uint32_t row_elements = p.out_dims[2] * p.out_dims[3];
  for (uint32_t unit = range.begin; unit < range.end; ++unit) {
    uint32_t* out = memory.at<uint32_t>(p.out) + static_cast<size_t>(unit) * row_elements;
    std::fill(out, out + row_elements, p.value);
    const uint32_t n = unit / p.out_dims[1] - p.before[0], y = unit % p.out_dims[1] - p.before[1];
    if (n >= p.in[0] || y >= p.in[1]) continue;
    const uint32_t* in =
        memory.at<uint32_t>(p.x) + (static_cast<size_t>(n) * p.in[1] + y) * p.in[2] * p.in[3];
    out += p.before[2] * p.out_dims[3] + p.before[3];
    for (uint32_t x = 0; x < p.in[2]; ++x)
      std::memcpy(out + x * p.out_dims[3], in + x * p.in[3], p.in[3] * sizeof(uint32_t));
  }
}

void reference(const Memory& memory, const uint32_t* words, Range, std::byte*) {
  const auto p = read_params<ReferenceParams>(words);
  constexpr uint32_t kMost = kMaxReferenceTensors;
  TensorView views[kMost];
  for (uint32_t i = 0; i < p.inputs + p.outputs; ++i) {
    const auto tensor = read_params<ReferenceTensor>(words);
    views[i].dtype = static_cast<DType>(tensor.dtype);
    views[i].data = memory.at<std::byte>(tensor.ref);
    views[i].shape = Shape::of_checked(std::span(tensor.dims, tensor.rank));
  }
  run_reference(memory.plan->reference_nodes[p.node], std::span<const TensorView>(views, p.inputs),
                std::span<const TensorView>(views + p.inputs, p.outputs));
}

}  // namespace linnet::cpu

// Kernels that only move elements, and the way to the reference kernels.
#include <algorithm>
#include <cstring>

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"
#include "graph/op_def.h"

namespace linnet::cpu {

namespace {

void copy_run(const StridedCopyParams& p, const std::byte* x, std::byte* out) {
  const int last = static_cast<int>(p.rank) - 1;
  const uint32_t count = p.dims[last], out_stride = p.out_strides[last], bytes = p.element_bytes;
  const int32_t x_stride = p.x_strides[last];
  if (x_stride == static_cast<int32_t>(bytes) && out_stride == bytes) {
    std::memcpy(out, x, size_t{count} * bytes);
  } else if (bytes == sizeof(uint32_t)) {
#pragma clang loop vectorize(disable) unroll(disable)
    for (uint32_t i = 0; i < count; ++i, x += x_stride, out += out_stride)
      std::memcpy(out, x, sizeof(uint32_t));
  } else {
#pragma clang loop vectorize(disable) unroll(disable)
    for (uint32_t i = 0; i < count; ++i, x += x_stride, out += out_stride) *out = *x;
  }
}

}  // namespace

void strided_copy(const Memory& memory, const uint32_t* words, Range range, std::byte*) {
  const auto p = read_params<StridedCopyParams>(words);
  const std::byte* x = memory.at<std::byte>(p.x) + p.x_begin;
  std::byte* out = memory.at<std::byte>(p.out) + p.out_begin;
  const int outer = static_cast<int>(p.rank) - 1;
  uint32_t at[Shape::kMaxRank] = {};
  uint32_t rest = range.begin;
  for (int i = outer - 1; i >= 0; --i) {
    at[i] = rest % p.dims[i];
    rest /= p.dims[i];
    x += static_cast<std::ptrdiff_t>(at[i]) * p.x_strides[i];
    out += static_cast<size_t>(at[i]) * p.out_strides[i];
  }
  for (uint32_t unit = range.begin; unit < range.end; ++unit) {
    copy_run(p, x, out);
    for (int i = outer - 1; i >= 0; --i) {
      x += p.x_strides[i];
      out += p.out_strides[i];
      if (++at[i] < p.dims[i]) break;
      x -= static_cast<std::ptrdiff_t>(p.dims[i]) * p.x_strides[i];
      out -= static_cast<size_t>(p.dims[i]) * p.out_strides[i];
      at[i] = 0;
    }
  }
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

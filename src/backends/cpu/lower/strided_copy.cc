#include "backends/cpu/lower/strided_copy.h"

#include "backends/cpu/params.h"

namespace linnet::cpu {

void emit_strided_copy(Lowering& lowering, ValueId x, int64_t x_begin, ValueId out, int64_t out_begin,
                       std::span<const CopyAxis> axes) {
  const int64_t bytes = static_cast<int64_t>(dtype_size(lowering.graph().value(x).dtype));
  StridedCopyParams p{};
  p.x = lowering.ref(x);
  p.out = lowering.ref(out);
  p.x_begin = static_cast<uint32_t>(x_begin * bytes);
  p.out_begin = static_cast<uint32_t>(out_begin * bytes);
  p.element_bytes = static_cast<uint32_t>(bytes);
  int64_t elements = 1;
  for (const CopyAxis& axis : axes) {
    elements *= axis.size;
    if (axis.size == 1) continue;
    const auto size = static_cast<uint32_t>(axis.size);
    const auto x_stride = static_cast<int32_t>(axis.x_stride * bytes);
    const auto out_stride = static_cast<uint32_t>(axis.out_stride * bytes);
    // An axis whose neighbours follow on those of the one before it in both layouts is the same run.
    const uint32_t before = p.rank - 1;
    const bool joins = p.rank > 0 && p.x_strides[before] == x_stride * static_cast<int32_t>(size) &&
                       p.out_strides[before] == out_stride * size;
    const uint32_t i = joins ? before : p.rank++;
    p.dims[i] = joins ? p.dims[i] * size : size;
    p.x_strides[i] = x_stride;
    p.out_strides[i] = out_stride;
  }
  if (elements == 0) return;
  if (p.rank == 0) {
    p.rank = p.dims[0] = 1;
    p.x_strides[0] = static_cast<int32_t>(bytes);
    p.out_strides[0] = static_cast<uint32_t>(bytes);
  }
  std::vector<uint32_t> words;
  append_params(words, p);
  lowering.emit(PlanOp::StridedCopy, static_cast<uint32_t>(elements) / p.dims[p.rank - 1], elements, words);
}

}  // namespace linnet::cpu

#include <algorithm>

#include "backends/gpu/lower.h"
#include "backends/gpu/reduction.h"

namespace linnet::gpu {

namespace {

const Fold& fold_of(std::string_view mode) {
  if (mode == "max") return kMax;
  if (mode == "min") return kMin;
  return mode == "prod" ? kMul : kAdd;
}

}  // namespace

// Each invocation walks over the terms of its results, where a backend has nothing better.
Result<bool> lower_reduce(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const bool whole = is_whole(lowering.dtype(node.inputs[0]));
  if (x.elements() == 0) return false;
  constexpr int64_t kSpatial[] = {1, 2};
  const std::span<const int64_t> axes =
      node.op == Op::reduce ? node.attrs.get_ints(Attr::axes) : std::span<const int64_t>(kSpatial);
  const std::string_view mode = node.attrs.get_string(Attr::mode, "mean");
  int32_t strides[Shape::kMaxRank];
  int32_t step = 1;
  for (int i = x.rank() - 1; i >= 0; --i) {
    strides[i] = step;
    step *= x[i];
  }
  Reduction reduction;
  reduction.fold = &fold_of(mode);
  IndexMap kept, reduced;
  for (int i = 0; i < x.rank(); ++i) {
    const bool is_reduced = axes.empty() || std::find(axes.begin(), axes.end(), i) != axes.end();
    (is_reduced ? reduced : kept).add_inner(static_cast<uint32_t>(x[i]), strides[i]);
    if (is_reduced) reduction.terms *= static_cast<uint32_t>(x[i]);
  }
  bool fours = kept.keeps_fours() && !kept.dims.empty();
  for (const IndexMap::Dim& dim : reduced.dims) fours = fours && dim.stride % 4 == 0;
  Kernel kernel;
  kernel.input(lowering.operand(node.inputs[0]));
  kernel.param("terms", reduction.terms);
  if (whole)
    kernel.param_i32("start", reduction.fold->whole_start);
  else
    kernel.param_f32("start", reduction.fold->start);
  reduction.base = kept.dims.empty() ? "0u" : kernel.index(kept, "e");
  reduction.offset = kernel.index(reduced, "t");
  reduction.results = static_cast<uint32_t>(x.elements()) / reduction.terms;
  reduction.inner = !reduced.dims.empty() && reduced.dims.back().stride == 1;
  reduction.result = mode == "mean" ? "value * (1.0 / f32(P.terms))" : "value";
  TRY_ASSIGN(const bool emitted, lowering.emit_reduction(kernel, node.outputs[0], reduction));
  if (emitted) return true;
  kernel.text += with_lanes(
      fours,
      text_of(
          "@fn $V element(u32 e) {\n  @u32 base = $0;\n  @$V value = $V(P.start);\n"
          "  for (@u32 t = 0u; t < P.terms; t++) {\n    @$V next = $at_0(base + $1);\n    value = $2;\n  }\n"
          "  return $3;\n}\n",
          {reduction.base, reduction.offset, reduction.fold->text, reduction.result}),
      whole);
  return finish_elements(lowering, kernel, node, fours);
}

}  // namespace linnet::gpu

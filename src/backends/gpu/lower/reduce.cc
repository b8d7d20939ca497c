#include <algorithm>

#include "backends/gpu/lower.h"

namespace linnet::gpu {

namespace {

struct Fold {
  const char* start;
  const char* whole_start;
  const char* step;
};

Fold fold_of(std::string_view mode) {
  if (mode == "max") return {"-3.402823e38", "-2147483647 - 1", "max(value, next)"};
  if (mode == "min") return {"3.402823e38", "2147483647", "min(value, next)"};
  if (mode == "prod") return {"1.0", "1", "value * next"};
  return {"0.0", "0", "value + next"};
}

}  // namespace

Result<bool> lower_reduce(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const bool whole = is_whole(lowering.dtype(node.inputs[0]));
  if (x.elements() == 0) return false;
  const std::span<const int64_t> axes = node.attrs.get_ints(Attr::axes);
  const std::string_view mode = node.attrs.get_string(Attr::mode, "");
  int32_t strides[Shape::kMaxRank];
  int32_t step = 1;
  for (int i = x.rank() - 1; i >= 0; --i) {
    strides[i] = step;
    step *= x[i];
  }
  IndexMap kept, reduced;
  int64_t count = 1;
  for (int i = 0; i < x.rank(); ++i) {
    const bool is_reduced = axes.empty() || std::find(axes.begin(), axes.end(), i) != axes.end();
    (is_reduced ? reduced : kept).add_inner(static_cast<uint32_t>(x[i]), strides[i]);
    if (is_reduced) count *= x[i];
  }
  bool fours = kept.keeps_fours() && !kept.dims.empty();
  for (const IndexMap::Dim& dim : reduced.dims) fours = fours && dim.stride % 4 == 0;
  Kernel kernel;
  kernel.input(lowering.operand(node.inputs[0]));
  kernel.param("terms", static_cast<uint32_t>(count));
  const std::string base = kept.dims.empty() ? "0u" : kernel.index(kept, "e");
  const std::string next = reduced.dims.empty() ? "0u" : kernel.index(reduced, "r");
  const Fold fold = fold_of(mode);
  kernel.text += with_lanes(
      fours,
      text_of(
          "@fn $V element(u32 e) {\n  @u32 base = $0;\n  @$V value = $V($1);\n"
          "  for (@u32 r = 0u; r < P.terms; r++) {\n    @$V next = $at_0(base + $2);\n    value = $3;\n  }\n"
          "  return $4;\n}\n",
          {base, whole ? fold.whole_start : fold.start, next, fold.step,
           mode == "mean" ? "value * (1.0 / f32(P.terms))" : "value"}),
      whole);
  return finish_elements(lowering, kernel, node, fours);
}

}  // namespace linnet::gpu

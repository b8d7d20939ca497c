// transpose(x): axis i of the result is axis perm[i] of x.
#include <cstring>

#include "ops/definitions.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {{Attr::perm, AttrType::Ints, true}};

Result<void> infer(const InferContext& context) {
  const Shape& x = context.shape(0);
  const std::span<const int64_t> perm = context.node.attrs.get_ints(Attr::perm);
  if (perm.size() != static_cast<size_t>(x.rank()))
    return fail(ErrorCode::ShapeMismatch, "a permutation of %zu axes does not fit %s", perm.size(),
                x.to_string().c_str());
  int64_t dims[Shape::kMaxRank];
  uint32_t seen = 0;
  for (size_t i = 0; i < perm.size(); ++i) {
    if (perm[i] < 0 || perm[i] >= x.rank() || ((seen >> perm[i]) & 1) != 0)
      return fail(ErrorCode::InvalidAttribute, "entry %lld of the permutation is out of range or there twice",
                  static_cast<long long>(perm[i]));
    seen |= 1u << perm[i];
    dims[i] = x[static_cast<int>(perm[i])];
  }
  return context.set_output(context.dtype(0), std::span<const int64_t>(dims, perm.size()));
}

void reference(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const TensorView& y = context.outputs[0];
  const std::span<const int64_t> perm = context.attrs.get_ints(Attr::perm);
  int64_t stride[Shape::kMaxRank];
  int64_t step = 1;
  for (int i = x.shape.rank() - 1; i >= 0; --i) {
    stride[i] = step;
    step *= x.shape[i];
  }
  const size_t size = dtype_size(x.dtype);
  const int64_t count = y.elements();
  for (int64_t o = 0; o < count; ++o) {
    int64_t rest = o, offset = 0;
    for (int i = y.shape.rank() - 1; i >= 0; --i) {
      offset += rest % y.shape[i] * stride[perm[static_cast<size_t>(i)]];
      rest /= y.shape[i];
    }
    std::memcpy(y.data + static_cast<size_t>(o) * size, x.data + static_cast<size_t>(offset) * size, size);
  }
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[2,3,4,5]
%y = transpose(%x) {perm=[0,3,1,2]}
output %y)",
    R"(input %x: f32[7,5]
%y = transpose(%x) {perm=[1,0]}
output %y)",
    R"(input %x: f32[1,8,3,16]
%y = transpose(%x) {perm=[0,2,1,3]}
output %y)",
    R"(input %x: bool[2,3,5]
%y = transpose(%x) {perm=[2,0,1]}
output %y)",
};

}  // namespace

constinit const OpDef k_transpose{
    "transpose", 1, 1, 1, kAttrs, kTraitNone, 0, infer, reference, nullptr, LINNET_CASES(kCases)};

}  // namespace linnet

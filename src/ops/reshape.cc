// reshape(x) to `shape`, of which one entry may be -1: what is left. The elements keep their order.
#include <cstring>

#include "ops/definitions.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {{Attr::shape, AttrType::Ints, true}};

Result<void> infer(const InferContext& context) {
  const Shape& x = context.shape(0);
  const std::span<const int64_t> wanted = context.node.attrs.get_ints(Attr::shape);
  if (wanted.size() > Shape::kMaxRank)
    return fail(ErrorCode::UnsupportedType, "the new shape has %zu dimensions, at most %d are supported",
                wanted.size(), Shape::kMaxRank);
  int64_t dims[Shape::kMaxRank];
  int64_t known = 1;
  int open = -1;
  for (size_t i = 0; i < wanted.size(); ++i) {
    dims[i] = wanted[i];
    if (wanted[i] == -1 && open < 0)
      open = static_cast<int>(i);
    else if (wanted[i] < 0 || wanted[i] > kMaxTensorBytes || known * wanted[i] > kMaxTensorBytes)
      return fail(ErrorCode::ShapeMismatch, "dimension %lld of the new shape is not possible",
                  static_cast<long long>(wanted[i]));
    else
      known *= wanted[i];
  }
  if (open >= 0) dims[open] = known > 0 ? x.elements() / known : 0;
  if (known * (open >= 0 ? dims[open] : 1) != x.elements())
    return fail(ErrorCode::ShapeMismatch, "%s has %lld elements, the new shape does not",
                x.to_string().c_str(), static_cast<long long>(x.elements()));
  return context.set_output(context.dtype(0), std::span<const int64_t>(dims, wanted.size()));
}

void reference(const ReferenceContext& context) {
  if (context.outputs[0].bytes() > 0)
    std::memmove(context.outputs[0].data, context.inputs[0].data, context.outputs[0].bytes());
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[1,2,3,4]
%y = reshape(%x) {shape=[1,-1]}
output %y)",
    R"(input %x: f32[2,6]
%y = reshape(%x) {shape=[3,4]}
%z = elementwise(%y, %y) {expr=add($0, $1)}
output %z)",
};

}  // namespace

constinit const OpDef k_reshape{
    "reshape", 1, 1, 1, kAttrs, kTraitView, 0, infer, reference, nullptr, LINNET_CASES(kCases)};

}  // namespace linnet

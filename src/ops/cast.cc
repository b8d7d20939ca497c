// cast(x) to `dtype`. To whole numbers: saturating, the fraction dropped, NaN to 0. To bool: whether it is
// not 0.
#include "ops/definitions.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {{Attr::dtype, AttrType::DType, true}};

DType target(const Attrs& attrs) {
  return attrs.get_dtype(Attr::dtype, DType::F32);
}

Result<void> infer(const InferContext& context) {
  return context.set_output(target(context.node.attrs), context.shape(0));
}

void reference(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const TensorView& y = context.outputs[0];
  const int64_t count = x.elements();
  for (int64_t i = 0; i < count; ++i) store_double(y.dtype, y.data, i, element_as_double(x.dtype, x.data, i));
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[3,5]
%y = cast(%x) {dtype=i32}
output %y)",
    R"(input %x: i32[4]
%y = cast(%x) {dtype=f32}
output %y)",
    R"(input %x: i32[6]
%y = cast(%x) {dtype=bool}
output %y)",
    R"(input %x: bool[3,3]
%y = cast(%x) {dtype=i32}
output %y)",
    R"(input %x: bool[7]
%y = cast(%x) {dtype=f32}
output %y)",
    R"(input %x: f32[5]
%y = cast(%x) {dtype=bool}
output %y)",
};

}  // namespace

constinit const OpDef k_cast{
    "cast", 1, 1, 1, kAttrs, kTraitNone, 0, infer, reference, nullptr, LINNET_CASES(kCases)};

}  // namespace linnet

// concat(a, b, ...) along `axis` (from the front); all other dimensions and the type are equal.
#include <cstring>

#include "ops/definitions.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {{Attr::axis, AttrType::Int, true}};

Result<void> infer(const InferContext& context) {
  const Shape& first = context.shape(0);
  const int64_t axis = context.node.attrs.get_int(Attr::axis, 0);
  if (axis < 0 || axis >= first.rank())
    return fail(ErrorCode::InvalidAttribute, "axis %lld is not an axis of %s", static_cast<long long>(axis),
                first.to_string().c_str());
  int64_t dims[Shape::kMaxRank];
  for (int i = 0; i < first.rank(); ++i) dims[i] = first[i];
  for (int k = 1; k < context.input_count(); ++k) {
    const Shape& shape = context.shape(k);
    bool fits = shape.rank() == first.rank() && context.dtype(k) == context.dtype(0);
    for (int i = 0; fits && i < first.rank(); ++i) fits = i == axis || shape[i] == first[i];
    if (!fits)
      return fail(ErrorCode::ShapeMismatch, "%s%s cannot be joined to %s%s along axis %lld",
                  dtype_name(context.dtype(k)), shape.to_string().c_str(), dtype_name(context.dtype(0)),
                  first.to_string().c_str(), static_cast<long long>(axis));
    dims[axis] += shape[static_cast<int>(axis)];
  }
  return context.set_output(context.dtype(0),
                            std::span<const int64_t>(dims, static_cast<size_t>(first.rank())));
}

void reference(const ReferenceContext& context) {
  const int axis = static_cast<int>(context.attrs.get_int(Attr::axis, 0));
  const TensorView& y = context.outputs[0];
  int64_t outer = 1;
  for (int i = 0; i < axis; ++i) outer *= y.shape[i];
  std::byte* out = y.data;
  for (int64_t o = 0; o < outer; ++o)
    for (const TensorView& x : context.inputs) {
      const size_t bytes = outer > 0 ? x.bytes() / static_cast<size_t>(outer) : 0;
      if (bytes == 0) continue;
      std::memcpy(out, x.data + static_cast<size_t>(o) * bytes, bytes);
      out += bytes;
    }
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %a: f32[1,5,5,8]
input %b: f32[1,5,5,3]
input %c: f32[1,5,5,4]
%y = concat(%a, %b, %c) {axis=3}
output %y)",
    R"(input %a: f32[2,3]
input %b: f32[4,3]
%y = concat(%a, %b) {axis=0}
output %y)",
    R"(input %a: f32[1,512,1]
input %b: f32[1,384,1]
%y = concat(%a, %b) {axis=1}
output %y)",
    R"(input %a: i8[1,3,3,5]
input %b: i8[1,3,3,9]
%y = concat(%a, %b) {axis=3}
output %y)",
    R"(input %a: i32[2,2]
input %b: i32[2,1]
%y = concat(%a, %b) {axis=1}
output %y)",
    R"(input %a: bool[3,2]
input %b: bool[3,3]
%y = concat(%a, %b) {axis=1}
output %y)",
};

}  // namespace

constinit const OpDef k_concat{
    "concat", 1, -1, 1, kAttrs, kTraitNone, 0, infer, reference, nullptr, LINNET_CASES(kCases)};

}  // namespace linnet

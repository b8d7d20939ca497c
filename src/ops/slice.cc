// slice(x): element i of axis a is x's element begin[a] + i * strides[a], for i below size[a]. strides
// default to 1 and may be negative.
#include <cstring>

#include "ops/definitions.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {
    {Attr::begin, AttrType::Ints, true}, {Attr::size, AttrType::Ints, true}, {Attr::strides, AttrType::Ints}};

Result<void> infer(const InferContext& context) {
  const Shape& x = context.shape(0);
  const Attrs& attrs = context.node.attrs;
  const std::span<const int64_t> begin = attrs.get_ints(Attr::begin), size = attrs.get_ints(Attr::size),
                                 strides = attrs.get_ints(Attr::strides);
  const size_t rank = static_cast<size_t>(x.rank());
  if (begin.size() != rank || size.size() != rank || (!strides.empty() && strides.size() != rank))
    return fail(ErrorCode::ShapeMismatch, "begin, size and strides need an entry for each axis of %s",
                x.to_string().c_str());
  for (size_t i = 0; i < rank; ++i) {
    const int64_t stride = strides.empty() ? 1 : strides[i], limit = x[static_cast<int>(i)];
    const bool small = begin[i] >= 0 && begin[i] <= kMaxTensorBytes && size[i] >= 0 && size[i] <= limit &&
                       stride != 0 && stride >= -limit - 1 && stride <= limit + 1;
    const int64_t last = small ? begin[i] + (size[i] > 0 ? (size[i] - 1) * stride : 0) : -1;
    if (!small || last < 0 || (size[i] > 0 && (begin[i] >= limit || last >= limit)))
      return fail(ErrorCode::ShapeMismatch, "begin %lld, size %lld, stride %lld of axis %zu do not fit %s",
                  static_cast<long long>(begin[i]), static_cast<long long>(size[i]),
                  static_cast<long long>(stride), i, x.to_string().c_str());
  }
  return context.set_output(context.dtype(0), size);
}

void reference(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const TensorView& y = context.outputs[0];
  const std::span<const int64_t> begin = context.attrs.get_ints(Attr::begin),
                                 strides = context.attrs.get_ints(Attr::strides);
  const size_t size = dtype_size(x.dtype);
  const int64_t count = y.elements();
  for (int64_t o = 0; o < count; ++o) {
    int64_t rest = o, offset = 0, step = 1;
    for (int i = y.shape.rank() - 1; i >= 0; --i) {
      const size_t axis = static_cast<size_t>(i);
      offset += (begin[axis] + rest % y.shape[i] * (strides.empty() ? 1 : strides[axis])) * step;
      rest /= y.shape[i];
      step *= x.shape[i];
    }
    std::memcpy(y.data + static_cast<size_t>(o) * size, x.data + static_cast<size_t>(offset) * size, size);
  }
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[1,6,7,4]
%y = slice(%x) {begin=[0,1,2,0], size=[1,3,4,4]}
output %y)",
    R"(input %x: f32[8,5]
%y = slice(%x) {begin=[7,0], size=[4,3], strides=[-2,2]}
output %y)",
    R"(input %x: f32[2,5,6,7]
%y = slice(%x) {begin=[0,4,1,6], size=[2,3,4,7], strides=[1,-2,1,-1]}
output %y)",
    R"(input %x: i32[3,9]
%y = slice(%x) {begin=[1,2], size=[2,5]}
output %y)",
};

}  // namespace

constinit const OpDef k_slice{
    "slice", 1, 1, 1, kAttrs, kTraitNone, 0, infer, reference, nullptr, LINNET_CASES(kCases)};

}  // namespace linnet

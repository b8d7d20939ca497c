// pad(x) with pads = [before0, after0, before1, after1, ...]. mode constant (default; fills with `value`),
// reflect (the edge is not repeated) or symmetric (it is).
#include "ops/definitions.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {
    {Attr::pads, AttrType::Ints, true}, {Attr::value, AttrType::Float}, {Attr::mode, AttrType::String}};

Result<void> infer(const InferContext& context) {
  const Shape& x = context.shape(0);
  const std::span<const int64_t> pads = context.node.attrs.get_ints(Attr::pads);
  const std::string_view mode = context.node.attrs.get_string(Attr::mode, "constant");
  if (mode != "constant" && mode != "reflect" && mode != "symmetric")
    return fail(ErrorCode::InvalidAttribute, "there is no padding mode '%.*s'", static_cast<int>(mode.size()),
                mode.data());
  if (pads.size() != 2 * static_cast<size_t>(x.rank()))
    return fail(ErrorCode::ShapeMismatch, "%zu pads do not fit input %s", pads.size(), x.to_string().c_str());
  int64_t dims[Shape::kMaxRank];
  for (int i = 0; i < x.rank(); ++i) {
    const int64_t before = pads[2 * static_cast<size_t>(i)], after = pads[2 * static_cast<size_t>(i) + 1];
    const int64_t most = mode == "constant" ? kMaxTensorBytes : mode == "reflect" ? x[i] - 1 : x[i];
    if (before < 0 || after < 0 || before > most || after > most)
      return fail(ErrorCode::InvalidAttribute, "pads %lld, %lld of axis %d are out of range",
                  static_cast<long long>(before), static_cast<long long>(after), i);
    dims[i] = before + x[i] + after;
  }
  return context.set_output(context.dtype(0), std::span<const int64_t>(dims, static_cast<size_t>(x.rank())));
}

void reference(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const TensorView& y = context.outputs[0];
  const std::span<const int64_t> pads = context.attrs.get_ints(Attr::pads);
  const std::string_view mode = context.attrs.get_string(Attr::mode, "constant");
  const double value = static_cast<double>(context.attrs.get_float(Attr::value, 0));
  const int64_t count = y.elements();
  for (int64_t o = 0; o < count; ++o) {
    int64_t rest = o, offset = 0, stride = 1;
    bool inside = true;
    for (int i = x.shape.rank() - 1; i >= 0; --i) {
      int64_t at = rest % y.shape[i] - pads[2 * static_cast<size_t>(i)];
      rest /= y.shape[i];
      const int64_t size = x.shape[i];
      if (at < 0 || at >= size) {
        inside = inside && mode != "constant";
        const int64_t shift = mode == "symmetric" ? 1 : 0;
        at = at < 0 ? -at - shift : 2 * size - 2 - at + shift;
      }
      offset += at * stride;
      stride *= size;
    }
    store_double(y.dtype, y.data, o, inside ? element_as_double(x.dtype, x.data, offset) : value);
  }
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[1,5,6,3]
%y = pad(%x) {pads=[0,0,1,1,0,1,0,0]}
output %y)",
    R"(input %x: f32[1,4,4,8]
%y = pad(%x) {pads=[0,0,0,0,0,0,0,8]}
output %y)",
    R"(input %x: f32[2,3]
%y = pad(%x) {pads=[1,0,2,1], value=-1.5}
output %y)",
    R"(input %x: f32[1,4,5,2]
%y = pad(%x) {pads=[0,0,2,1,1,3,0,0], mode=reflect}
output %y)",
    R"(input %x: f32[1,4,5,2]
%y = pad(%x) {pads=[0,0,2,1,1,3,0,0], mode=symmetric}
output %y)",
    R"(input %x: i32[2,3]
%y = pad(%x) {pads=[1,0,2,1], value=-5}
output %y)",
};

}  // namespace

constinit const OpDef k_pad{
    "pad", 1, 1, 1, kAttrs, kTraitNone, 0, infer, reference, nullptr, LINNET_CASES(kCases)};

}  // namespace linnet

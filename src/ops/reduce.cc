// reduce(x) over `axes` with mode mean, sum, max, min or prod; keep_dims keeps reduced axes with size 1. axes
// are ascending and from the front; none: all. The result has x's type. A mean takes f32 or i8 codes, whose
// mean is a code, rounded as in avg_pool; the other modes take f32 or i32.
#include <limits>

#include "graph/quantization.h"
#include "ops/definitions.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {{Attr::mode, AttrType::String, true},
                              {Attr::axes, AttrType::Ints, true},
                              {Attr::keep_dims, AttrType::Bool}};

bool is_reduced(std::span<const int64_t> axes, int axis) {
  for (int64_t reduced : axes)
    if (reduced == axis) return true;
  return axes.empty();
}

Result<void> infer(const InferContext& context) {
  const Attrs& attrs = context.node.attrs;
  const Shape& x = context.shape(0);
  const std::string_view mode = attrs.get_string(Attr::mode, "");
  if (mode != "mean" && mode != "sum" && mode != "max" && mode != "min" && mode != "prod")
    return fail(ErrorCode::InvalidAttribute, "there is no reduction '%.*s'", static_cast<int>(mode.size()),
                mode.data());
  if (context.dtype(0) != DType::F32 && context.dtype(0) != (mode == "mean" ? DType::I8 : DType::I32))
    return fail(ErrorCode::TypeMismatch, "cannot reduce %s by %.*s", dtype_name(context.dtype(0)),
                static_cast<int>(mode.size()), mode.data());
  const std::span<const int64_t> axes = attrs.get_ints(Attr::axes);
  int64_t previous = -1;
  for (int64_t axis : axes) {
    if (axis <= previous || axis >= x.rank())
      return fail(ErrorCode::InvalidAttribute, "axis %lld is out of order or not an axis of %s",
                  static_cast<long long>(axis), x.to_string().c_str());
    previous = axis;
  }
  int64_t dims[Shape::kMaxRank];
  size_t rank = 0;
  for (int i = 0; i < x.rank(); ++i) {
    if (!is_reduced(axes, i))
      dims[rank++] = x[i];
    else if (attrs.get_bool(Attr::keep_dims, false))
      dims[rank++] = 1;
  }
  return context.set_output(context.dtype(0), std::span<const int64_t>(dims, rank));
}

enum class Mode { Mean, Sum, Max, Min, Prod };

Mode mode_of(std::string_view name) {
  if (name == "mean") return Mode::Mean;
  if (name == "sum") return Mode::Sum;
  if (name == "max") return Mode::Max;
  return name == "min" ? Mode::Min : Mode::Prod;
}

double fold(Mode mode, double a, double b) {
  switch (mode) {
    case Mode::Max:
      return b > a ? b : a;
    case Mode::Min:
      return b < a ? b : a;
    case Mode::Prod:
      return a * b;
    default:
      return a + b;
  }
}

void reference(const ReferenceContext& context) {
  const TensorView& x = context.inputs[0];
  const TensorView& y = context.outputs[0];
  const std::span<const int64_t> axes = context.attrs.get_ints(Attr::axes);
  const Mode mode = mode_of(context.attrs.get_string(Attr::mode, ""));
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double start = mode == Mode::Max    ? -kInfinity
                       : mode == Mode::Min  ? kInfinity
                       : mode == Mode::Prod ? 1
                                            : 0;
  const int64_t outputs = y.elements(), inputs = x.elements();
  int64_t stride[Shape::kMaxRank];
  int64_t step = 1;
  for (int i = x.shape.rank() - 1; i >= 0; --i) {
    stride[i] = step;
    step *= x.shape[i];
  }
  for (int64_t o = 0; o < outputs; ++o) {
    // The kept coordinates come from o, the reduced ones from r.
    int64_t base = 0, rest = o;
    for (int i = x.shape.rank() - 1; i >= 0; --i) {
      if (is_reduced(axes, i)) continue;
      base += rest % x.shape[i] * stride[i];
      rest /= x.shape[i];
    }
    const int64_t count = outputs > 0 ? inputs / outputs : 0;
    double value = start;
    for (int64_t r = 0; r < count; ++r) {
      int64_t offset = base, left = r;
      for (int i = x.shape.rank() - 1; i >= 0; --i) {
        if (!is_reduced(axes, i)) continue;
        offset += left % x.shape[i] * stride[i];
        left /= x.shape[i];
      }
      value = fold(mode, value, element_as_double(x.dtype, x.data, offset));
    }
    if (y.dtype == DType::I8)
      y.as<int8_t>()[o] = mean_code(static_cast<int32_t>(value), static_cast<int32_t>(count));
    else
      store_double(y.dtype, y.data, o, mode == Mode::Mean ? value / static_cast<double>(count) : value);
  }
}

[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[1,7,7,33]
%y = reduce(%x) {mode=mean, axes=[1,2]}
output %y)",
    R"(input %x: f32[2,5,6,8]
%y = reduce(%x) {mode=mean, axes=[1,2], keep_dims=true}
output %y)",
    R"(input %x: i8[2,5,6,29]
%y = reduce(%x) {mode=mean, axes=[1,2], keep_dims=true}
output %y)",
    R"(input %x: f32[3,4,5]
%y = reduce(%x) {mode=sum, axes=[2]}
output %y)",
    R"(input %x: f32[3,4,5]
%y = reduce(%x) {mode=max, axes=[0,2], keep_dims=true}
output %y)",
    R"(input %x: f32[3,4]
%y = reduce(%x) {mode=min, axes=[]}
output %y)",
    R"(input %x: f32[3,37,5]
%y = reduce(%x) {mode=sum, axes=[1]}
output %y)",
    R"(input %x: f32[2,1,9,33]
%y = reduce(%x) {mode=max, axes=[2]}
output %y)",
    R"(input %x: f32[3,2,37]
%y = reduce(%x) {mode=min, axes=[1,2], keep_dims=true}
output %y)",
    R"(input %x: f32[5,21]
%y = reduce(%x) {mode=prod, axes=[1]}
output %y)",
    R"(input %x: f32[6,70]
%y = reduce(%x) {mode=mean, axes=[1], keep_dims=true}
output %y)",
    R"(input %x: i32[2,3]
%y = reduce(%x) {mode=prod, axes=[1]}
output %y)",
    R"(input %x: i32[3,2,8]
%y = reduce(%x) {mode=max, axes=[0]}
output %y)",
    R"(input %x: i32[3,5]
%y = reduce(%x) {mode=sum, axes=[]}
output %y)",
    // Many terms: of rows, of columns, of both.
    R"(input %x: f32[40,1001]
%y = reduce(%x) {mode=mean, axes=[1]}
output %y)",
    R"(input %x: f32[2,16,17,70]
%y = reduce(%x) {mode=sum, axes=[1,2], keep_dims=true}
output %y)",
    R"(input %x: f32[301,3]
%y = reduce(%x) {mode=max, axes=[0]}
output %y)",
    R"(input %x: f32[7,40,9]
%y = reduce(%x) {mode=min, axes=[0,2], keep_dims=true}
output %y)",
    R"(input %x: f32[3,20,2,30,5]
%y = reduce(%x) {mode=sum, axes=[1,3]}
output %y)",
    R"(input %x: f32[19,23,11]
%y = reduce(%x) {mode=mean, axes=[]}
output %y)",
    R"(input %x: f32[33,2,36]
%y = reduce(%x) {mode=prod, axes=[0]}
output %y)",
    R"(input %x: i32[5,600]
%y = reduce(%x) {mode=max, axes=[1]}
output %y)",
    R"(input %x: i32[70,9]
%y = reduce(%x) {mode=sum, axes=[0], keep_dims=true}
output %y)",
    // The highest of nothing but negative infinity is that.
    R"(input %x: f32[3,301]
%i = elementwise(%x) {expr=mul(add(mul($0, 0), 3e38), sub(-10, mul($0, $0)))}
%m = reduce(%i) {mode=max, axes=[1]}
%y = elementwise(%m) {expr=less($0, -3.402823e38)}
output %y)",
};

}  // namespace

constinit const OpDef k_reduce{
    "reduce", 1, 1, 1, kAttrs, kTraitNone, 1e-5f, infer, reference, nullptr, LINNET_CASES(kCases)};

}  // namespace linnet

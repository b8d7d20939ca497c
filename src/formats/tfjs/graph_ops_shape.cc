// TensorFlow's ops that move elements, and those that pass them on.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/format.h"
#include "formats/tfjs/graph_op.h"

namespace linnet {

namespace {

Result<void> import_identity(GraphOp& op) {
  op.set(op.input(0));
  return {};
}

// Runs nothing; nodes refer to it only for its place in the order.
Result<void> import_nothing(GraphOp&) {
  return {};
}

Result<int64_t> axis_of(const GraphOp& op, int64_t axis, int rank) {
  if (axis < -rank || axis >= rank)
    return op.error(ErrorCode::ShapeMismatch, "axis %lld is out of range for %d dimensions",
                    static_cast<long long>(axis), rank);
  return axis < 0 ? axis + rank : axis;
}

Ints dims_of(const Shape& shape) {
  return Ints(shape.dims().begin(), shape.dims().end());
}

Result<void> import_reshape(GraphOp& op) {
  TRY_ASSIGN(const Ints dims, op.constant_ints(1, "shape"));
  TRY_ASSIGN(const ValueId result, op.builder.reshape(op.name(), op.input(0), dims));
  op.set(result);
  return {};
}

Result<void> import_squeeze(GraphOp& op) {
  TRY_ASSIGN(Ints axes, op.ints_attr("squeeze_dims"));
  if (axes.empty()) {
    TRY_ASSIGN(axes, op.ints_attr("axis"));
  }
  const Shape& shape = op.shape(0);
  for (int64_t& axis : axes) {
    TRY_ASSIGN(axis, axis_of(op, axis, shape.rank()));
    if (shape[static_cast<int>(axis)] != 1)
      return op.error(ErrorCode::ShapeMismatch, "axis %lld of %s cannot be squeezed",
                      static_cast<long long>(axis), shape.to_string().c_str());
  }
  Ints dims;
  for (int i = 0; i < shape.rank(); ++i) {
    const bool drop = axes.empty() ? shape[i] == 1 : std::find(axes.begin(), axes.end(), i) != axes.end();
    if (!drop) dims.push_back(shape[i]);
  }
  TRY_ASSIGN(const ValueId result, op.builder.reshape(op.name(), op.input(0), dims));
  op.set(result);
  return {};
}

Result<void> import_expand_dims(GraphOp& op) {
  TRY_ASSIGN(const int64_t stated, op.constant_int(1, "axis"));
  TRY_ASSIGN(const int64_t axis, axis_of(op, stated, op.rank(0) + 1));
  Ints dims = dims_of(op.shape(0));
  dims.insert(dims.begin() + static_cast<ptrdiff_t>(axis), 1);
  TRY_ASSIGN(const ValueId result, op.builder.reshape(op.name(), op.input(0), dims));
  op.set(result);
  return {};
}

Result<void> import_transpose(GraphOp& op) {
  TRY_ASSIGN(Ints perm, op.constant_ints(1, "permutation"));
  for (int64_t& axis : perm) {
    TRY_ASSIGN(axis, axis_of(op, axis, op.rank(0)));
  }
  Attrs attrs;
  attrs.set(Attr::perm, std::move(perm));
  TRY_ASSIGN(const ValueId result, op.builder.add(Op::transpose, op.name(), {op.input(0)}, std::move(attrs)));
  op.set(result);
  return {};
}

Result<void> build_pad(GraphOp& op, const char* mode, float value) {
  TRY_ASSIGN(Ints pads, op.constant_ints(1, "paddings"));
  Attrs attrs;
  attrs.set(Attr::pads, std::move(pads));
  if (value != 0) attrs.set(Attr::value, value);
  if (mode != nullptr) attrs.set(Attr::mode, std::string(mode));
  TRY_ASSIGN(const ValueId result, op.builder.add(Op::pad, op.name(), {op.input(0)}, std::move(attrs)));
  op.set(result);
  return {};
}

Result<void> import_pad(GraphOp& op) {
  return build_pad(op, nullptr, 0);
}

Result<void> import_pad_v2(GraphOp& op) {
  TRY_ASSIGN(const float value, op.constant_float(2, "padding value"));
  return build_pad(op, nullptr, value);
}

Result<void> import_mirror_pad(GraphOp& op) {
  TRY_ASSIGN(const std::string mode, op.string_attr("mode", ""));
  if (mode != "REFLECT" && mode != "SYMMETRIC")
    return op.error(ErrorCode::MalformedModel, "mode '%s' is unknown", mode.c_str());
  return build_pad(op, mode == "REFLECT" ? "reflect" : "symmetric", 0);
}

Result<ValueId> concat(GraphOp& op, std::string_view name, std::vector<ValueId> parts, int64_t axis) {
  if (parts.size() == 1) return parts[0];
  Attrs attrs;
  attrs.set(Attr::axis, axis);
  return op.builder.add(Op::concat, name, std::move(parts), std::move(attrs));
}

Result<void> import_concat(GraphOp& op) {
  const size_t last = op.input_count() - 1;
  TRY_ASSIGN(const int64_t stated, op.constant_int(last, "axis"));
  TRY_ASSIGN(const int64_t axis, axis_of(op, stated, op.rank(0)));
  std::vector<ValueId> parts(op.inputs().begin(), op.inputs().end() - 1);
  TRY_ASSIGN(const ValueId result, concat(op, op.name(), std::move(parts), axis));
  op.set(result);
  return {};
}

Result<void> import_pack(GraphOp& op) {
  TRY_ASSIGN(const int64_t stated, op.int_attr("axis", 0));
  TRY_ASSIGN(const int64_t axis, axis_of(op, stated, op.rank(0) + 1));
  std::vector<ValueId> parts;
  for (size_t i = 0; i < op.input_count(); ++i) {
    if (!(op.shape(i) == op.shape(0)))
      return op.error(ErrorCode::ShapeMismatch, "input %zu has shape %s, input 0 has %s", i,
                      op.shape(i).to_string().c_str(), op.shape(0).to_string().c_str());
    Ints dims = dims_of(op.shape(i));
    dims.insert(dims.begin() + static_cast<ptrdiff_t>(axis), 1);
    TRY_ASSIGN(const ValueId part, op.builder.reshape(op.part("part" + decimal(i)), op.input(i), dims));
    parts.push_back(part);
  }
  TRY_ASSIGN(const ValueId result, concat(op, op.name(), std::move(parts), axis));
  op.set(result);
  return {};
}

// The slice itself where it takes everything.
Result<ValueId> slice(GraphOp& op, std::string_view name, ValueId input, const Ints& begin, const Ints& size,
                      const Ints& strides = {}) {
  const bool whole = std::equal(size.begin(), size.end(), op.builder.shape(input).dims().begin(),
                                op.builder.shape(input).dims().end()) &&
                     std::all_of(strides.begin(), strides.end(), [](int64_t stride) { return stride == 1; });
  if (whole) return input;
  Attrs attrs;
  attrs.set(Attr::begin, begin);
  attrs.set(Attr::size, size);
  if (std::any_of(strides.begin(), strides.end(), [](int64_t stride) { return stride != 1; }))
    attrs.set(Attr::strides, strides);
  return op.builder.add(Op::slice, name, {input}, std::move(attrs));
}

Result<void> import_slice(GraphOp& op) {
  TRY_ASSIGN(const Ints begin, op.constant_ints(1, "begin"));
  TRY_ASSIGN(Ints size, op.constant_ints(2, "size"));
  const Shape& shape = op.shape(0);
  const size_t rank = static_cast<size_t>(shape.rank());
  if (begin.size() != rank || size.size() != rank)
    return op.error(ErrorCode::ShapeMismatch, "begin and size must have an entry for each axis of %s",
                    shape.to_string().c_str());
  for (size_t i = 0; i < rank; ++i) {
    const int64_t limit = shape[static_cast<int>(i)];
    if (size[i] == -1) size[i] = limit - begin[i];
    if (begin[i] < 0 || begin[i] > limit || size[i] < 0 || size[i] > limit - begin[i])
      return op.error(ErrorCode::ShapeMismatch, "begin %lld and size %lld do not fit axis %zu of %s",
                      static_cast<long long>(begin[i]), static_cast<long long>(size[i]), i,
                      shape.to_string().c_str());
  }
  TRY_ASSIGN(const ValueId result, slice(op, op.name(), op.input(0), begin, size));
  op.set(result);
  return {};
}

struct StridedSliceSpec {
  Ints begin, end, strides;
  int64_t begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask;
};

Result<StridedSliceSpec> read_strided_slice(const GraphOp& op) {
  StridedSliceSpec spec;
  TRY_ASSIGN(spec.begin, op.constant_ints(1, "begin"));
  TRY_ASSIGN(spec.end, op.constant_ints(2, "end"));
  TRY_ASSIGN(spec.strides, op.constant_ints(3, "strides"));
  TRY_ASSIGN(spec.begin_mask, op.int_attr("begin_mask", 0));
  TRY_ASSIGN(spec.end_mask, op.int_attr("end_mask", 0));
  TRY_ASSIGN(spec.ellipsis_mask, op.int_attr("ellipsis_mask", 0));
  TRY_ASSIGN(spec.new_axis_mask, op.int_attr("new_axis_mask", 0));
  TRY_ASSIGN(spec.shrink_axis_mask, op.int_attr("shrink_axis_mask", 0));
  if (spec.begin.size() != spec.end.size() || spec.begin.size() != spec.strides.size() ||
      spec.begin.size() > 32)
    return op.error(ErrorCode::ShapeMismatch, "begin, end and strides must have the same length, at most 32");
  if ((spec.ellipsis_mask & (spec.ellipsis_mask - 1)) != 0)
    return op.error(ErrorCode::MalformedModel, "ellipsis_mask must name one place");
  return spec;
}

// Python's indexing: bounds are clamped, negative ones count from the end, and masks open them, add axes or
// drop them.
Result<void> import_strided_slice(GraphOp& op) {
  TRY_ASSIGN(const StridedSliceSpec spec, read_strided_slice(op));
  const Shape& shape = op.shape(0);
  const auto bit = [](int64_t mask, size_t i) { return ((mask >> i) & 1) != 0; };
  int64_t indexed = 0;  // axes of the input that entries other than the ellipsis take
  bool ellipsis = false;
  for (size_t i = 0; i < spec.begin.size(); ++i) {
    ellipsis = ellipsis || bit(spec.ellipsis_mask, i);
    indexed += !bit(spec.ellipsis_mask, i) && !bit(spec.new_axis_mask, i);
  }
  if (indexed > shape.rank())
    return op.error(ErrorCode::ShapeMismatch, "%lld indices for %s", static_cast<long long>(indexed),
                    shape.to_string().c_str());

  Ints begin, size, strides, dims;
  const auto take_whole = [&] {
    const int64_t limit = shape[static_cast<int>(begin.size())];
    begin.push_back(0);
    size.push_back(limit);
    strides.push_back(1);
    dims.push_back(limit);
  };
  for (size_t i = 0; i < spec.begin.size(); ++i) {
    if (bit(spec.ellipsis_mask, i)) {
      for (int64_t k = shape.rank() - indexed; k > 0; --k) take_whole();
      continue;
    }
    if (bit(spec.new_axis_mask, i)) {
      dims.push_back(1);
      continue;
    }
    const int64_t limit = shape[static_cast<int>(begin.size())], stride = spec.strides[i];
    if (stride == 0)
      return op.error(ErrorCode::InvalidAttribute, "the stride of axis %zu is 0", begin.size());
    if (bit(spec.shrink_axis_mask, i)) {
      TRY_ASSIGN(const int64_t at, axis_of(op, spec.begin[i], static_cast<int>(limit)));
      begin.push_back(at);
      size.push_back(1);
      strides.push_back(1);
      continue;
    }
    // An index may stand one before the first element where the stride is negative.
    const int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? limit : limit - 1;
    const auto clamp = [&](int64_t at) { return std::clamp(at < 0 ? at + limit : at, low, high); };
    const int64_t first = bit(spec.begin_mask, i) ? (stride > 0 ? low : high) : clamp(spec.begin[i]);
    const int64_t last = bit(spec.end_mask, i) ? (stride > 0 ? high : low) : clamp(spec.end[i]);
    const int64_t span = stride > 0 ? last - first : first - last;
    const int64_t step = stride > 0 ? stride : -stride;
    const int64_t count = span > 0 ? (span - 1) / step + 1 : 0;
    begin.push_back(count > 0 ? first : 0);
    size.push_back(count);
    strides.push_back(count > 1 ? stride : 1);
    dims.push_back(count);
  }
  while (begin.size() < static_cast<size_t>(shape.rank())) take_whole();

  const bool same_rank = std::equal(dims.begin(), dims.end(), size.begin(), size.end());
  const std::string slice_name = same_rank ? std::string(op.name()) : op.part("slice");
  TRY_ASSIGN(ValueId result, slice(op, slice_name, op.input(0), begin, size, strides));
  TRY_ASSIGN(result, op.builder.reshape(op.name(), result, dims));
  op.set(result);
  return {};
}

// Results are consecutive runs of `sizes` along `axis`, without that axis where `drop_axis`.
Result<void> build_parts(GraphOp& op, ValueId input, int64_t axis, const Ints& sizes, bool drop_axis) {
  const Shape shape = op.builder.shape(input);
  Ints begin(static_cast<size_t>(shape.rank()), 0);
  const size_t along = static_cast<size_t>(axis);
  for (size_t i = 0; i < sizes.size(); ++i) {
    const std::string name = i == 0 ? std::string(op.name()) : std::string(op.name()) + ":" + decimal(i);
    Ints size = dims_of(shape);
    size[along] = sizes[i];
    TRY_ASSIGN(ValueId part, slice(op, drop_axis ? name + "/slice" : name, input, begin, size));
    begin[along] += sizes[i];
    if (drop_axis) {
      size.erase(size.begin() + static_cast<ptrdiff_t>(axis));
      TRY_ASSIGN(part, op.builder.reshape(name, part, size));
    }
    op.add_output(part);
  }
  return {};
}

Result<void> import_split(GraphOp& op) {
  TRY_ASSIGN(const int64_t stated, op.constant_int(0, "axis"));
  TRY_ASSIGN(const int64_t axis, axis_of(op, stated, op.rank(1)));
  TRY_ASSIGN(const int64_t count, op.int_attr("num_split", 1));
  const int64_t limit = op.shape(1)[static_cast<int>(axis)];
  if (count < 1 || count > 4096 || limit % count != 0)
    return op.error(ErrorCode::ShapeMismatch, "an axis of %lld cannot be split in %lld",
                    static_cast<long long>(limit), static_cast<long long>(count));
  return build_parts(op, op.input(1), axis, Ints(static_cast<size_t>(count), limit / count), false);
}

Result<void> import_split_v(GraphOp& op) {
  TRY_ASSIGN(Ints sizes, op.constant_ints(1, "sizes"));
  TRY_ASSIGN(const int64_t stated, op.constant_int(2, "axis"));
  TRY_ASSIGN(const int64_t axis, axis_of(op, stated, op.rank(0)));
  int64_t rest = op.shape(0)[static_cast<int>(axis)];
  int64_t* open = nullptr;
  for (int64_t& size : sizes) {
    if (size == -1 && open == nullptr) {
      open = &size;
    } else if (size < 0 || size > rest) {
      return op.error(ErrorCode::ShapeMismatch, "the sizes do not fit axis %lld of %s",
                      static_cast<long long>(axis), op.shape(0).to_string().c_str());
    } else {
      rest -= size;
    }
  }
  if (open != nullptr) {
    *open = rest;
  } else if (rest != 0) {
    return op.error(ErrorCode::ShapeMismatch, "the sizes do not cover axis %lld of %s",
                    static_cast<long long>(axis), op.shape(0).to_string().c_str());
  }
  return build_parts(op, op.input(0), axis, sizes, false);
}

Result<void> import_unpack(GraphOp& op) {
  TRY_ASSIGN(const int64_t stated, op.int_attr("axis", 0));
  TRY_ASSIGN(const int64_t axis, axis_of(op, stated, op.rank(0)));
  const int64_t count = op.shape(0)[static_cast<int>(axis)];
  if (count > 4096)
    return op.error(ErrorCode::TooLarge, "an axis of %lld has too many parts", static_cast<long long>(count));
  return build_parts(op, op.input(0), axis, Ints(static_cast<size_t>(count), 1), true);
}

// Shapes are known at import, so the op is a constant.
Result<void> import_shape(GraphOp& op) {
  const std::span<const int32_t> dims = op.shape(0).dims();
  TRY_ASSIGN(Tensor tensor, Tensor::of_i32(Shape{static_cast<int64_t>(dims.size())}, dims));
  op.set(op.builder.constant(op.name(), std::move(tensor)));
  return {};
}

Result<void> import_tile(GraphOp& op) {
  TRY_ASSIGN(const Ints multiples, op.constant_ints(1, "multiples"));
  if (multiples.size() != static_cast<size_t>(op.rank(0)))
    return op.error(ErrorCode::ShapeMismatch, "%zu multiples do not fit %s", multiples.size(),
                    op.shape(0).to_string().c_str());
  ValueId value = op.input(0);
  for (size_t axis = 0; axis < multiples.size(); ++axis) {
    if (multiples[axis] == 1) continue;
    if (multiples[axis] < 1 || multiples[axis] > 4096)
      return op.error(ErrorCode::ShapeMismatch, "an axis cannot be repeated %lld times",
                      static_cast<long long>(multiples[axis]));
    Attrs attrs;
    attrs.set(Attr::axis, static_cast<int64_t>(axis));
    const std::vector<ValueId> copies(static_cast<size_t>(multiples[axis]), value);
    TRY_ASSIGN(value, op.builder.add(Op::concat, op.name(), copies, std::move(attrs)));
  }
  op.set(value);
  return {};
}

// Rows of a small table are a product with indices as one-hot rows: exact, as all other terms are zero.
constexpr int64_t kMaxTableRows = 4096, kMaxOneHot = 1 << 22;

Result<void> import_gather(GraphOp& op) {
  TRY_ASSIGN(const int64_t stated, op.constant_int(2, "axis"));
  TRY_ASSIGN(const int64_t axis, axis_of(op, stated, op.rank(0)));
  TRY_ASSIGN(const int64_t batch_dims, op.int_attr("batch_dims", 0));
  Builder& builder = op.builder;
  const Value& table = builder.graph.value(op.input(0));
  const Shape rows = table.shape, indices = op.shape(1);
  bool fits = axis == 0 && batch_dims == 0 && table.is_constant() && table.dtype == DType::F32 &&
              builder.dtype(op.input(1)) == DType::I32 && rows.elements() > 0 && rows[0] <= kMaxTableRows &&
              indices.elements() * rows[0] <= kMaxOneHot &&
              indices.rank() + rows.rank() - 1 <= Shape::kMaxRank;
  if (fits) TRY(table.constant.prepare());
  for (int64_t i = 0; fits && i < rows.elements(); ++i) fits = std::isfinite(table.constant.as<float>()[i]);
  if (!fits)
    return op.error(ErrorCode::UnsupportedOp,
                    "only rows of a constant, finite f32 table of at most %lld rows can be gathered",
                    static_cast<long long>(kMaxTableRows));
  Ints dims = dims_of(indices);
  for (int i = 1; i < rows.rank(); ++i) dims.push_back(rows[i]);
  std::vector<int32_t> numbers(static_cast<size_t>(rows[0]));
  std::iota(numbers.begin(), numbers.end(), 0);
  TRY_ASSIGN(Tensor iota, Tensor::of_i32(Shape{int64_t{rows[0]}}, numbers));
  const ValueId row_numbers = builder.constant(op.part("rows"), std::move(iota));
  TRY_ASSIGN(const ValueId column, builder.reshape(op.part("indices"), op.input(1), {indices.elements(), 1}));
  TRY_ASSIGN(const ValueId equal, builder.apply(ExprOp::equal, op.part("equal"), {column, row_numbers}));
  Attrs to_f32;
  to_f32.set(Attr::dtype, DType::F32);
  TRY_ASSIGN(const ValueId one_hot, builder.add(Op::cast, op.part("one_hot"), {equal}, std::move(to_f32)));
  TRY_ASSIGN(const ValueId matrix,
             builder.reshape(op.part("table"), op.input(0), {rows[0], rows.elements() / rows[0]}));
  TRY_ASSIGN(const ValueId product, builder.add(Op::matmul, op.part("product"), {one_hot, matrix}));
  TRY_ASSIGN(const ValueId result, builder.reshape(op.name(), product, dims));
  op.set(result);
  return {};
}

constexpr GraphOpImport kOps[] = {
    {"Identity", 1, 1, import_identity},
    {"StopGradient", 1, 1, import_identity},
    {"Snapshot", 1, 1, import_identity},
    {"PreventGradient", 1, 1, import_identity},
    {"CheckNumerics", 1, 1, import_identity},
    {"PlaceholderWithDefault", 1, 1, import_identity},
    {"NoOp", 0, kAnyNumber, import_nothing},
    {"Reshape", 2, 2, import_reshape},
    {"Squeeze", 1, 1, import_squeeze},
    {"ExpandDims", 2, 2, import_expand_dims},
    {"Transpose", 2, 2, import_transpose},
    {"Pad", 2, 2, import_pad},
    {"PadV2", 3, 3, import_pad_v2},
    {"MirrorPad", 2, 2, import_mirror_pad},
    {"ConcatV2", 2, kAnyNumber, import_concat},
    {"Pack", 1, kAnyNumber, import_pack},
    {"Slice", 3, 3, import_slice},
    {"StridedSlice", 4, 4, import_strided_slice},
    {"Split", 2, 2, import_split},
    {"SplitV", 3, 3, import_split_v},
    {"Unpack", 1, 1, import_unpack},
    {"Shape", 1, 1, import_shape},
    {"Tile", 2, 2, import_tile},
    {"GatherV2", 3, 3, import_gather},
};

}  // namespace

std::span<const GraphOpImport> shape_graph_ops() {
  return kOps;
}

}  // namespace linnet

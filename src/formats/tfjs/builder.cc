#include "formats/tfjs/builder.h"

#include <algorithm>
#include <utility>

#include "base/format.h"
#include "graph/op_def.h"

namespace linnet {

namespace {

// A constant with more elements than this is left to the passes.
constexpr int64_t kMaxFolded = 4096;
// Bounds the arithmetic on windows; the ops have narrower limits of their own.
constexpr int64_t kMaxWindow = int64_t{1} << 20;

int length_of(std::string_view text) {
  return static_cast<int>(text.size());
}

// Ops of one result whose cost is that of their operands and result.
bool is_cheap(Op op) {
  switch (op) {
    case Op::elementwise:
    case Op::cast:
    case Op::concat:
    case Op::pad:
    case Op::reduce:
    case Op::reshape:
    case Op::slice:
    case Op::transpose:
      return true;
    default:
      return false;
  }
}

}  // namespace

// A value's name cannot hold every character that a model's can. A number keeps apart what replacing makes
// equal.
std::string Builder::value_name(std::string_view name) {
  std::string out(name.substr(0, 1024));
  bool changed = out.empty() || out.size() != name.size();
  for (char& c : out) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || std::string_view("_./:-").find(c) != std::string_view::npos) continue;
    c = '_';
    changed = true;
  }
  if (changed) out += "_" + decimal(renamed_++);
  return out;
}

ValueId Builder::constant(std::string_view name, Tensor tensor) {
  return graph.add_constant(graph.unique_name(value_name(name)), std::move(tensor));
}

Result<void> Builder::add_port(std::vector<GraphPort>& ports, std::string_view name, ValueId value) {
  if (ports.size() >= kMaxPorts)
    return fail(ErrorCode::TooLarge, "the model has more than %zu inputs or outputs", kMaxPorts);
  std::string unique(name);
  const auto taken = [&](const GraphPort& port) { return port.name == unique; };
  for (int suffix = 1; std::any_of(ports.begin(), ports.end(), taken); ++suffix)
    unique = std::string(name) + "_" + decimal(suffix);
  ports.push_back({std::move(unique), value});
  return {};
}

Result<ValueId> Builder::add_input(std::string_view port, std::string_view name, DType type,
                                   const Shape& dims) {
  const ValueId id = graph.add_input(graph.unique_name(value_name(name)), type, dims);
  TRY(add_port(graph.inputs, port, id));
  return id;
}

Result<void> Builder::add_output(std::string_view name, ValueId value) {
  const bool taken = std::any_of(graph.outputs.begin(), graph.outputs.end(),
                                 [&](const GraphPort& port) { return port.value == value; });
  if (taken || graph.value(value).producer == kNone) {
    TRY_ASSIGN(value, graph.add(Op::identity, value_name(name), {value}));
  }
  return add_port(graph.outputs, name, value);
}

Result<ValueId> Builder::add(Op op, std::string_view name, std::vector<ValueId> inputs, Attrs attrs) {
  if (graph.node_count() >= kMaxNodes)
    return fail(ErrorCode::TooLarge, "the model needs more than %zu nodes", kMaxNodes);
  const bool constant = is_cheap(op) && std::all_of(inputs.begin(), inputs.end(), [&](ValueId id) {
                          return graph.value(id).is_constant() && shape(id).elements() <= kMaxFolded;
                        });
  if (constant) return fold(op, value_name(name), std::move(inputs), std::move(attrs));
  return graph.add(op, value_name(name), std::move(inputs), std::move(attrs));
}

Result<ValueId> Builder::fold(Op op, const std::string& name, std::vector<ValueId> inputs, Attrs attrs) {
  Node node{op, name, std::move(inputs), {kNone}, std::move(attrs)};
  Value result;
  result.name = name;
  Value* const results[] = {&result};
  TRY(infer_node(graph, node, results));
  if (result.shape.elements() > kMaxFolded) {
    return graph.add(op, name, std::move(node.inputs), std::move(node.attrs));
  }
  TRY_ASSIGN(Tensor tensor, Tensor::zeros(result.dtype, result.shape));
  std::vector<TensorView> views;
  for (ValueId id : node.inputs) views.push_back(graph.value(id).constant.view());
  const TensorView out = tensor.view();
  run_reference(node, views, {&out, 1});
  return graph.add_constant(graph.unique_name(name), std::move(tensor));
}

Result<ValueId> Builder::apply(Expr expr, std::string_view name, std::vector<ValueId> inputs) {
  Attrs attrs;
  attrs.set(Attr::expr, std::move(expr));
  return add(Op::elementwise, name, std::move(inputs), std::move(attrs));
}

Result<ValueId> Builder::apply(ExprOp op, std::string_view name, std::vector<ValueId> inputs) {
  const Expr operands[] = {Expr::input(0), Expr::input(1), Expr::input(2)};
  CHECK(static_cast<size_t>(expr_op_arity(op)) == inputs.size());
  switch (inputs.size()) {
    case 1:
      return apply(Expr::apply(op, {&operands[0]}), name, std::move(inputs));
    case 2:
      return apply(Expr::apply(op, {&operands[0], &operands[1]}), name, std::move(inputs));
    default:
      return apply(Expr::apply(op, {&operands[0], &operands[1], &operands[2]}), name, std::move(inputs));
  }
}

Result<ValueId> Builder::apply(ExprOp op, std::string_view name, ValueId input, float operand) {
  const Expr x = Expr::input(0), y = Expr::constant(operand);
  return apply(Expr::apply(op, {&x, &y}), name, {input});
}

Result<ValueId> Builder::reshape(std::string_view name, ValueId input, const Ints& dims) {
  const std::span<const int32_t> now = shape(input).dims();
  if (std::equal(now.begin(), now.end(), dims.begin(), dims.end())) return input;
  Attrs attrs;
  attrs.set(Attr::shape, dims);
  return add(Op::reshape, name, {input}, std::move(attrs));
}

Result<ValueId> Builder::reduce(std::string_view mode, std::string_view name, ValueId input, Ints axes,
                                bool keep_dims) {
  if (axes.empty()) return input;
  Attrs attrs;
  attrs.set(Attr::mode, std::string(mode));
  attrs.set(Attr::axes, std::move(axes));
  attrs.set(Attr::keep_dims, keep_dims);
  return add(Op::reduce, name, {input}, std::move(attrs));
}

Result<int64_t> Builder::resolve_axis(int64_t axis, int rank, std::string_view what) {
  if (axis < -rank || axis >= rank)
    return fail(ErrorCode::ShapeMismatch, "%.*s: axis %lld is out of range for %d dimensions",
                length_of(what), what.data(), static_cast<long long>(axis), rank);
  return axis < 0 ? axis + rank : axis;
}

Result<Ints> Builder::resolve_axes(const Ints& axes, int rank, std::string_view what) {
  bool named[Shape::kMaxRank] = {};
  for (int64_t axis : axes) {
    TRY_ASSIGN(const int64_t positive, resolve_axis(axis, rank, what));
    named[positive] = true;
  }
  Ints resolved;
  for (int axis = 0; axis < rank; ++axis)
    if (named[axis]) resolved.push_back(axis);
  return resolved;
}

Result<Attrs> Builder::window_attrs(const WindowSpec& window, int64_t height, int64_t width,
                                    std::string_view what) {
  const std::pair<const char*, const Ints*> pairs[] = {
      {"kernel size", &window.kernel}, {"stride", &window.strides}, {"dilation", &window.dilations}};
  for (const auto& [name, pair] : pairs)
    for (int64_t value : *pair)
      if (pair->size() != 2 || value < 1 || value > kMaxWindow)
        return fail(ErrorCode::InvalidAttribute, "%.*s: a %s of %lld; it must be from 1 to %lld",
                    length_of(what), what.data(), name, static_cast<long long>(value),
                    static_cast<long long>(kMaxWindow));
  Ints pads = {0, 0, 0, 0};
  if (window.padding.kind == Padding::Kind::Explicit) pads = window.padding.pads;
  if (window.padding.kind == Padding::Kind::Same) {
    const int64_t sizes[] = {height, width};
    for (size_t axis = 0; axis < 2; ++axis) {
      const int64_t output = (sizes[axis] + window.strides[axis] - 1) / window.strides[axis];
      const int64_t extent = (window.kernel[axis] - 1) * window.dilations[axis] + 1;
      const int64_t total = std::max<int64_t>((output - 1) * window.strides[axis] + extent - sizes[axis], 0);
      pads[2 * axis] = total / 2;
      pads[2 * axis + 1] = total - total / 2;
    }
  }
  const bool unit_dilation = window.dilations[0] == 1 && window.dilations[1] == 1;
  Attrs attrs;
  attrs.set(Attr::strides, window.strides);
  if (!unit_dilation) attrs.set(Attr::dilations, window.dilations);
  attrs.set(Attr::pads, std::move(pads));
  return attrs;
}

namespace {

Result<void> expect_image(const Builder& builder, ValueId input, std::string_view name) {
  if (builder.shape(input).rank() != 4)
    return fail(ErrorCode::ShapeMismatch,
                "node '%.*s': the input has shape %s, must be [batch,height,width,channels]", length_of(name),
                name.data(), builder.shape(input).to_string().c_str());
  return {};
}

Result<Ints> kernel_of(const Builder& builder, ValueId filter, std::string_view name) {
  const Shape& shape = builder.shape(filter);
  if (shape.rank() != 4)
    return fail(ErrorCode::ShapeMismatch, "node '%.*s': the kernel has shape %s, must have 4 dimensions",
                length_of(name), name.data(), shape.to_string().c_str());
  return Ints{shape[0], shape[1]};
}

std::vector<ValueId> with_bias(ValueId input, ValueId filter, ValueId bias) {
  if (bias == kNone) return {input, filter};
  return {input, filter, bias};
}

std::string node_label(std::string_view name) {
  return "node '" + std::string(name) + "'";
}

}  // namespace

Result<ValueId> Builder::convolve(Op op, std::string_view name, ValueId input, ValueId filter, ValueId bias,
                                  WindowSpec window) {
  TRY(expect_image(*this, input, name));
  TRY_ASSIGN(window.kernel, kernel_of(*this, filter, name));
  TRY_ASSIGN(Attrs attrs, window_attrs(window, shape(input)[1], shape(input)[2], node_label(name)));
  return add(op, name, with_bias(input, filter, bias), std::move(attrs));
}

Result<ValueId> Builder::convolve_transposed(std::string_view name, ValueId input, ValueId filter,
                                             ValueId bias, WindowSpec window, int64_t height, int64_t width) {
  TRY(expect_image(*this, input, name));
  TRY_ASSIGN(window.kernel, kernel_of(*this, filter, name));
  for (int64_t size : {height, width})
    if (size < 1 || size > kMaxTensorBytes)
      return fail(ErrorCode::ShapeMismatch, "node '%.*s': an output of %lldx%lld is out of range",
                  length_of(name), name.data(), static_cast<long long>(height),
                  static_cast<long long>(width));
  TRY_ASSIGN(Attrs attrs, window_attrs(window, height, width, node_label(name)));
  attrs.set(Attr::output_shape, Ints{height, width});
  return add(Op::conv2d_transpose, name, with_bias(input, filter, bias), std::move(attrs));
}

Result<ValueId> Builder::pool(Op op, std::string_view name, ValueId input, const WindowSpec& window) {
  TRY(expect_image(*this, input, name));
  TRY_ASSIGN(Attrs attrs, window_attrs(window, shape(input)[1], shape(input)[2], node_label(name)));
  attrs.set(Attr::kernel, window.kernel);
  return add(op, name, {input}, std::move(attrs));
}

}  // namespace linnet

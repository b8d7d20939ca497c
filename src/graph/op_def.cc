#include "graph/op_def.h"

#include <cstring>

namespace linnet {

bool op_from_name(std::string_view name, Op* op) {
  static constexpr const char* kNames[] = {
#define LINNET_OP(op_name) #op_name,
#include "graph/ops.def"
#undef LINNET_OP
  };
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (name != kNames[i]) continue;
    *op = static_cast<Op>(i);
    return true;
  }
  return false;
}

Result<void> InferContext::set_output(DType dtype, std::span<const int64_t> dims, int index) const {
  Value& output = *outputs[static_cast<size_t>(index)];
  TRY_ASSIGN(output.shape, Shape::make(dims, dtype, output.name));
  output.dtype = dtype;
  return {};
}

Result<void> InferContext::set_output(DType dtype, const Shape& shape, int index) const {
  int64_t dims[Shape::kMaxRank];
  for (int i = 0; i < shape.rank(); ++i) dims[i] = shape[i];
  return set_output(dtype, std::span<const int64_t>(dims, static_cast<size_t>(shape.rank())), index);
}

namespace {

AttrType type_of(const AttrValue& value) {
  struct Visitor {
    AttrType operator()(int64_t) const { return AttrType::Int; }
    AttrType operator()(float) const { return AttrType::Float; }
    AttrType operator()(bool) const { return AttrType::Bool; }
    AttrType operator()(const Ints&) const { return AttrType::Ints; }
    AttrType operator()(const std::string&) const { return AttrType::String; }
    AttrType operator()(DType) const { return AttrType::DType; }
    AttrType operator()(const Expr&) const { return AttrType::Expr; }
  };
  return std::visit(Visitor{}, value);
}

Result<void> check_attrs(const OpDef& def, const Node& node) {
  for (const auto& [key, value] : node.attrs.all()) {
    if (key == Attr::epilogue && (def.traits & kTraitEpilogue) != 0 && type_of(value) == AttrType::Expr)
      continue;
    const AttrDef* found = nullptr;
    for (const AttrDef& attr : def.attrs)
      if (attr.key == key) found = &attr;
    if (found == nullptr)
      return fail(ErrorCode::InvalidAttribute, "%s does not take the attribute '%s'", def.name,
                  attr_name(key));
    if (type_of(value) != found->type)
      return fail(ErrorCode::InvalidAttribute, "attribute '%s' has the wrong type", attr_name(key));
    const Ints* ints = std::get_if<Ints>(&value);
    if (ints != nullptr && found->ints != 0 && ints->size() != static_cast<size_t>(found->ints))
      return fail(ErrorCode::InvalidAttribute, "attribute '%s' needs %d numbers, has %zu", attr_name(key),
                  found->ints, ints->size());
  }
  for (const AttrDef& attr : def.attrs)
    if (attr.required && !node.attrs.has(attr.key))
      return fail(ErrorCode::InvalidAttribute, "attribute '%s' is missing", attr_name(attr.key));
  return {};
}

Result<void> check_epilogue(const InferContext& context, int own) {
  const Expr* epilogue = context.node.attrs.get_expr(Attr::epilogue);
  const int extra = context.input_count() - own;
  if (epilogue == nullptr) {
    if (extra > 0) return fail(ErrorCode::MalformedModel, "%d inputs too many", extra);
    return {};
  }
  if (extra >= Expr::kMaxInputs)
    return fail(ErrorCode::TooLarge, "an epilogue of %d operands, at most %d are possible", extra,
                Expr::kMaxInputs - 1);
  if (epilogue->input_count() > extra + 1)
    return fail(ErrorCode::MalformedModel, "the epilogue uses more inputs than the node has");
  const Value& output = *context.outputs[0];
  for (int i = own; i < context.input_count(); ++i) {
    TRY_ASSIGN(const Shape shape, broadcast_shapes(context.shape(i), output.shape, "epilogue"));
    if (!(shape == output.shape) || context.dtype(i) != output.dtype)
      return fail(ErrorCode::ShapeMismatch, "epilogue operand %s%s does not broadcast to %s%s",
                  dtype_name(context.dtype(i)), context.shape(i).to_string().c_str(),
                  dtype_name(output.dtype), output.shape.to_string().c_str());
  }
  return {};
}

Result<void> infer_checked(const InferContext& context) {
  const Node& node = context.node;
  const OpDef& def = op_def(node.op);
  TRY(check_attrs(def, node));
  const int count = context.input_count();
  const bool has_extra = (def.traits & kTraitEpilogue) != 0 && node.attrs.has(Attr::epilogue);
  if (count < def.min_inputs || (def.max_inputs >= 0 && count > def.max_inputs && !has_extra))
    return fail(ErrorCode::MalformedModel, "has %d inputs, needs %d to %d", count, def.min_inputs,
                def.max_inputs);
  const int own = own_inputs(node);
  const InferContext own_context{node, context.inputs.first(static_cast<size_t>(own)), context.outputs};
  TRY(def.infer(own_context));
  if ((def.traits & kTraitEpilogue) != 0) TRY(check_epilogue(context, own));
  return {};
}

}  // namespace

int own_inputs(const Node& node) {
  const OpDef& def = op_def(node.op);
  const int count = static_cast<int>(node.inputs.size());
  return def.max_inputs >= 0 && count > def.max_inputs ? def.max_inputs : count;
}

Result<void> infer_node(const Graph& graph, const Node& node, std::span<Value* const> outputs) {
  std::vector<const Value*> inputs;
  for (ValueId input : node.inputs) inputs.push_back(&graph.value(input));
  auto result = infer_checked({node, inputs, outputs});
  if (!result) return std::unexpected(result.error().within(describe(node)));
  return {};
}

int64_t node_macs(const Graph& graph, const Node& node) {
  const OpDef& def = op_def(node.op);
  return def.macs != nullptr ? def.macs(node, graph) : 0;
}

namespace {

// The offset of `operand`'s element under output coordinates `at`, by broadcasting.
int64_t broadcast_offset(const Shape& operand, const Shape& output, const int32_t* at) {
  int64_t offset = 0;
  for (int i = 0; i < operand.rank(); ++i) {
    const int32_t coordinate = at[output.rank() - operand.rank() + i];
    offset = offset * operand[i] + (operand[i] == 1 ? 0 : coordinate);
  }
  return offset;
}

}  // namespace

void evaluate_pointwise(const Expr& expr, std::span<const TensorView> operands, const TensorView& output) {
  int32_t at[Shape::kMaxRank] = {};
  const int64_t count = output.elements();
  for (int64_t i = 0; i < count; ++i) {
    double values[Expr::kMaxInputs] = {};
    for (size_t k = 0; k < operands.size(); ++k)
      values[k] = element_as_double(operands[k].dtype, operands[k].data,
                                    broadcast_offset(operands[k].shape, output.shape, at));
    store_double(output.dtype, output.data, i, expr.evaluate(values));
    for (int axis = output.shape.rank() - 1; axis >= 0 && ++at[axis] == output.shape[axis]; --axis)
      at[axis] = 0;
  }
}

void run_reference(const Node& node, std::span<const TensorView> inputs,
                   std::span<const TensorView> outputs) {
  const OpDef& def = op_def(node.op);
  const size_t own = static_cast<size_t>(own_inputs(node));
  def.reference({node.attrs, inputs.first(own), outputs});
  const Expr* epilogue = (def.traits & kTraitEpilogue) != 0 ? node.attrs.get_expr(Attr::epilogue) : nullptr;
  if (epilogue == nullptr) return;
  TensorView operands[Expr::kMaxInputs];
  size_t count = 0;
  operands[count++] = outputs[0];
  for (const TensorView& extra : inputs.subspan(own)) operands[count++] = extra;
  evaluate_pointwise(*epilogue, std::span<const TensorView>(operands, count), outputs[0]);
}

}  // namespace linnet

// TensorFlow's arithmetic, reductions and matrix products.
#include <algorithm>

#include "base/format.h"
#include "formats/tfjs/fused.h"
#include "formats/tfjs/graph_op.h"

namespace linnet {

namespace {

Result<void> apply_expr(GraphOp& op, ExprOp expr) {
  TRY_ASSIGN(const ValueId result, op.builder.apply(expr, op.name(), op.inputs()));
  op.set(result);
  return {};
}

// The table's number of inputs is the arity of the expression op.
template <ExprOp kOp>
Result<void> import_expr(GraphOp& op) {
  return apply_expr(op, kOp);
}

Result<void> import_add_n(GraphOp& op) {
  ValueId sum = op.input(0);
  for (size_t i = 1; i < op.input_count(); ++i) {
    const bool last = i + 1 == op.input_count();
    TRY_ASSIGN(sum, op.builder.apply(ExprOp::add, last ? std::string(op.name()) : op.part("sum" + decimal(i)),
                                     {sum, op.input(i)}));
  }
  op.set(sum);
  return {};
}

Result<void> import_leaky_relu(GraphOp& op) {
  TRY_ASSIGN(const float alpha, op.float_attr("alpha", 0.2f));
  TRY_ASSIGN(const ValueId result, op.builder.apply(ExprOp::prelu, op.name(), op.input(0), alpha));
  op.set(result);
  return {};
}

Result<void> import_softmax(GraphOp& op) {
  TRY_ASSIGN(const ValueId result, op.builder.add(Op::softmax, op.name(), {op.input(0)}));
  op.set(result);
  return {};
}

Result<void> import_cast(GraphOp& op) {
  TRY_ASSIGN(const DType target, op.type_attr("DstT", DType::F32));
  if (op.builder.dtype(op.input(0)) == target) {
    op.set(op.input(0));
    return {};
  }
  Attrs attrs;
  attrs.set(Attr::dtype, target);
  TRY_ASSIGN(const ValueId result, op.builder.add(Op::cast, op.name(), {op.input(0)}, std::move(attrs)));
  op.set(result);
  return {};
}

// `Select` takes a condition of one element per outermost entry; `SelectV2` broadcasts it.
Result<void> import_select(GraphOp& op) {
  ValueId condition = op.input(0);
  const int rank = op.rank(1);
  if (op.rank(0) == 1 && rank > 1) {
    Ints dims(static_cast<size_t>(rank), 1);
    dims[0] = op.shape(0)[0];
    TRY_ASSIGN(condition, op.builder.reshape(op.part("condition"), condition, dims));
  }
  TRY_ASSIGN(const ValueId result,
             op.builder.apply(ExprOp::select, op.name(), {condition, op.input(1), op.input(2)}));
  op.set(result);
  return {};
}

Result<void> import_reduction(GraphOp& op, std::string_view mode) {
  TRY_ASSIGN(const Ints listed, op.constant_ints(1, "axes"));
  auto axes = Builder::resolve_axes(listed, op.rank(0), "reduction");
  if (!axes) return op.error(axes.error().code(), "%s", axes.error().detail());
  TRY_ASSIGN(const bool keep_dims, op.bool_attr("keep_dims", false));
  TRY_ASSIGN(const ValueId result,
             op.builder.reduce(mode, op.name(), op.input(0), std::move(*axes), keep_dims));
  op.set(result);
  return {};
}

Result<void> import_mean(GraphOp& op) {
  return import_reduction(op, "mean");
}
Result<void> import_sum(GraphOp& op) {
  return import_reduction(op, "sum");
}
Result<void> import_max(GraphOp& op) {
  return import_reduction(op, "max");
}
Result<void> import_min(GraphOp& op) {
  return import_reduction(op, "min");
}
Result<void> import_prod(GraphOp& op) {
  return import_reduction(op, "prod");
}

Result<ValueId> matmul(GraphOp& op, std::string_view name, ValueId bias, const char* a, const char* b) {
  TRY_ASSIGN(const bool transpose_a, op.bool_attr(a, false));
  TRY_ASSIGN(const bool transpose_b, op.bool_attr(b, false));
  Attrs attrs;
  if (transpose_a) attrs.set(Attr::transpose_a, true);
  if (transpose_b) attrs.set(Attr::transpose_b, true);
  std::vector<ValueId> inputs = {op.input(0), op.input(1)};
  if (bias != kNone) inputs.push_back(bias);
  return op.builder.add(Op::matmul, name, std::move(inputs), std::move(attrs));
}

Result<void> import_matmul(GraphOp& op) {
  TRY_ASSIGN(const ValueId result, matmul(op, op.name(), kNone, "transpose_a", "transpose_b"));
  op.set(result);
  return {};
}

Result<void> import_batch_matmul(GraphOp& op) {
  TRY_ASSIGN(const ValueId result, matmul(op, op.name(), kNone, "adj_x", "adj_y"));
  op.set(result);
  return {};
}

Result<void> import_fused_matmul(GraphOp& op) {
  TRY_ASSIGN(FusedOps fused, FusedOps::read(op));
  TRY_ASSIGN(ValueId result, matmul(op, fused.product_name(), fused.bias(), "transpose_a", "transpose_b"));
  TRY_ASSIGN(result, fused.apply_rest(result));
  op.set(result);
  return {};
}

constexpr GraphOpImport kOps[] = {
    {"Add", 2, 2, import_expr<ExprOp::add>},
    {"AddV2", 2, 2, import_expr<ExprOp::add>},

    {"AddN", 1, kAnyNumber, import_add_n},
    {"Sub", 2, 2, import_expr<ExprOp::sub>},
    {"Mul", 2, 2, import_expr<ExprOp::mul>},
    {"RealDiv", 2, 2, import_expr<ExprOp::div>},
    {"Div", 2, 2, import_expr<ExprOp::div>},
    {"FloorDiv", 2, 2, import_expr<ExprOp::floor_div>},
    {"FloorMod", 2, 2, import_expr<ExprOp::floor_mod>},
    {"Maximum", 2, 2, import_expr<ExprOp::maximum>},
    {"Minimum", 2, 2, import_expr<ExprOp::minimum>},
    {"SquaredDifference", 2, 2, import_expr<ExprOp::squared_difference>},
    {"Pow", 2, 2, import_expr<ExprOp::pow>},
    {"Neg", 1, 1, import_expr<ExprOp::neg>},
    {"Abs", 1, 1, import_expr<ExprOp::abs>},
    {"Square", 1, 1, import_expr<ExprOp::square>},
    {"Reciprocal", 1, 1, import_expr<ExprOp::reciprocal>},
    {"Inv", 1, 1, import_expr<ExprOp::reciprocal>},
    {"Sqrt", 1, 1, import_expr<ExprOp::sqrt>},
    {"Rsqrt", 1, 1, import_expr<ExprOp::rsqrt>},
    {"Exp", 1, 1, import_expr<ExprOp::exp>},
    {"Log", 1, 1, import_expr<ExprOp::log>},
    {"Sin", 1, 1, import_expr<ExprOp::sin>},
    {"Cos", 1, 1, import_expr<ExprOp::cos>},
    {"Floor", 1, 1, import_expr<ExprOp::floor>},
    {"Ceil", 1, 1, import_expr<ExprOp::ceil>},
    {"Round", 1, 1, import_expr<ExprOp::round>},
    {"ClipByValue", 3, 3, import_expr<ExprOp::clip>},
    {"Relu", 1, 1, import_expr<ExprOp::relu>},
    {"Relu6", 1, 1, import_expr<ExprOp::relu6>},
    {"Prelu", 2, 2, import_expr<ExprOp::prelu>},
    {"LeakyRelu", 1, 1, import_leaky_relu},
    {"Elu", 1, 1, import_expr<ExprOp::elu>},
    {"Sigmoid", 1, 1, import_expr<ExprOp::sigmoid>},
    {"Tanh", 1, 1, import_expr<ExprOp::tanh>},
    {"Softplus", 1, 1, import_expr<ExprOp::softplus>},
    {"Equal", 2, 2, import_expr<ExprOp::equal>},
    {"NotEqual", 2, 2, import_expr<ExprOp::not_equal>},
    {"Less", 2, 2, import_expr<ExprOp::less>},
    {"LessEqual", 2, 2, import_expr<ExprOp::less_equal>},
    {"Greater", 2, 2, import_expr<ExprOp::greater>},
    {"GreaterEqual", 2, 2, import_expr<ExprOp::greater_equal>},
    {"LogicalAnd", 2, 2, import_expr<ExprOp::logical_and>},
    {"LogicalOr", 2, 2, import_expr<ExprOp::logical_or>},
    {"LogicalNot", 1, 1, import_expr<ExprOp::logical_not>},
    {"Select", 3, 3, import_select},
    {"SelectV2", 3, 3, import_expr<ExprOp::select>},
    {"Softmax", 1, 1, import_softmax},
    {"Cast", 1, 1, import_cast},
    {"Mean", 2, 2, import_mean},
    {"Sum", 2, 2, import_sum},
    {"Max", 2, 2, import_max},
    {"Min", 2, 2, import_min},
    {"Prod", 2, 2, import_prod},
    {"MatMul", 2, 2, import_matmul},
    {"BatchMatMul", 2, 2, import_batch_matmul},
    {"BatchMatMulV2", 2, 2, import_batch_matmul},
    {"_FusedMatMul", 2, kAnyNumber, import_fused_matmul},
};

}  // namespace

std::span<const GraphOpImport> math_graph_ops() {
  return kOps;
}

}  // namespace linnet

// elementwise(inputs...) evaluates `expr` for each element of the broadcast of its inputs.
#include <cstddef>

#include "ops/definitions.h"

namespace linnet {

namespace {

constexpr AttrDef kAttrs[] = {{Attr::expr, AttrType::Expr, true}};

enum class TypeRule { Same, Float, Compare, Logical, Select };

TypeRule rule_of(ExprOp op) {
  switch (op) {
    case ExprOp::Input:
    case ExprOp::Constant:
      break;
#define LINNET_EXPR(name, arity, type_rule, low, high, body) \
  case ExprOp::name:                                         \
    return TypeRule::type_rule;
#include "graph/expr_ops.def"
#undef LINNET_EXPR
  }
  return TypeRule::Same;
}

// The type of every instruction; a constant takes the type of what it meets (`open`).
struct Type {
  bool open;
  DType dtype;
};

Result<Type> unify(const Type& a, const Type& b, const char* op) {
  if (a.open) return b;
  if (b.open || a.dtype == b.dtype) return a;
  return fail(ErrorCode::TypeMismatch, "%s of %s and %s", op, dtype_name(a.dtype), dtype_name(b.dtype));
}

Result<Type> type_of(const Expr::Instruction& instruction, const Type* types) {
  const char* name = expr_op_name(instruction.op);
  const TypeRule rule = rule_of(instruction.op);
  Type type = types[instruction.operands[0]];
  const bool has_condition = rule == TypeRule::Select;
  if (has_condition) {
    if (!type.open && type.dtype != DType::Bool)
      return fail(ErrorCode::TypeMismatch, "the condition of %s is %s, must be bool", name,
                  dtype_name(type.dtype));
    type = types[instruction.operands[1]];
  }
  for (int i = has_condition ? 2 : 1; i < expr_op_arity(instruction.op); ++i) {
    TRY_ASSIGN(type, unify(type, types[instruction.operands[i]], name));
  }
  const bool is_float = type.open || type.dtype == DType::F32;
  const bool is_bool = type.open || type.dtype == DType::Bool;
  if ((rule == TypeRule::Float && !is_float) || (rule == TypeRule::Logical && !is_bool) ||
      (rule == TypeRule::Same && !type.open && type.dtype == DType::Bool))
    return fail(ErrorCode::TypeMismatch, "%s does not take %s", name, dtype_name(type.dtype));
  if (rule == TypeRule::Compare || rule == TypeRule::Logical) return Type{false, DType::Bool};
  return type;
}

Result<void> infer(const InferContext& context) {
  const Expr& expr = *context.node.attrs.get_expr(Attr::expr);
  if (expr.empty()) return fail(ErrorCode::InvalidAttribute, "the expression is empty");
  if (expr.input_count() > context.input_count())
    return fail(ErrorCode::InvalidAttribute, "the expression uses more inputs than the node has");
  Shape shape = context.shape(0);
  for (int i = 1; i < context.input_count(); ++i) {
    TRY_ASSIGN(shape, broadcast_shapes(shape, context.shape(i), "operands"));
  }
  Type types[Expr::kMaxInstructions];
  size_t count = 0;
  for (const Expr::Instruction& instruction : expr.instructions()) {
    if (instruction.op == ExprOp::Input)
      types[count] = {false, context.dtype(instruction.index)};
    else if (instruction.op == ExprOp::Constant)
      types[count] = {true, DType::F32};
    else {
      TRY_ASSIGN(types[count], type_of(instruction, types));
    }
    ++count;
  }
  return context.set_output(types[count - 1].dtype, shape);
}

void reference(const ReferenceContext& context) {
  evaluate_pointwise(*context.attrs.get_expr(Attr::expr), context.inputs, context.outputs[0]);
}

// Every expression op has cases of its own, made from expr_ops.def by the op suite; these are about
// broadcasting and composition.
[[maybe_unused]] constexpr const char* kCases[] = {
    R"(input %x: f32[1,5,6,7]
const %b: f32[7] = random(1)
%y = elementwise(%x, %b) {expr=add($0, $1)}
output %y)",
    R"(input %x: f32[2,3,4,5]
input %s: f32[2,1,1,5]
%y = elementwise(%x, %s) {expr=mul($0, $1)}
output %y)",
    R"(input %x: f32[2,6,5,8]
input %a: f32[6,1,8]
input %m: f32[5,8]
input %c: f32[2,1,5,8]
input %r: f32[6,1,1]
%y = elementwise(%x, %a, %m, %c, %r) {expr=add(mul(add(mul($0, $1), $2), $3), $4)}
output %y)",
    R"(input %x: f32[2,3,4,300]
input %c: f32[2,1,4,300]
input %a: f32[3,1,1]
%y = elementwise(%x, %c, %a) {expr=mul(add($0, $1), $2)}
output %y)",
    R"(input %a: f32[4,1,3]
input %b: f32[5,1]
%y = elementwise(%a, %b) {expr=sub($0, $1)}
output %y)",
    R"(input %x: f32[1,9,9,3]
const %a: f32[1,1,3] = random(2)
input %r: f32[1,9,9,3]
%y = elementwise(%x, %a, %r) {expr=relu6(add(prelu($0, $1), mul($2, 0.5)))}
output %y)",
    R"(input %x: f32[3,100]
%y = elementwise(%x) {expr=mul($0, hard_sigmoid($0))}
output %y)",
    R"(input %a: i32[2,3]
input %b: i32[3]
%y = elementwise(%a, %b) {expr=add(mul($0, $1), 2)}
output %y)",
    R"(input %a: f32[2,3]
input %b: f32[3]
%y = elementwise(%a, %b) {expr=logical_and(greater($0, $1), less($1, 0.5))}
output %y)",
    R"(input %c: bool[4]
input %a: f32[2,4]
input %b: f32[2,1]
%y = elementwise(%c, %a, %b) {expr=select($0, $1, $2)}
output %y)",
    R"(input %a: i32[3,7]
input %b: i32[7]
%y = elementwise(%a, %b) {expr=floor_div(add(mul($0, 7), 3), sub(mul($1, 5), 2))}
output %y)",
    R"(input %a: i32[3,7]
input %b: i32[7]
%y = elementwise(%a, %b) {expr=floor_mod(add(mul($0, 7), 3), sub(mul($1, 5), 2))}
output %y)",
    R"(input %a: i32[2,9]
input %b: i32[2,9]
%y = elementwise(%a, %b) {expr=select(less($0, $1), mul(sub($0, $1), 100000), maximum(abs($0), 3))}
output %y)",
    R"(input %a: i32[2,9]
input %b: i32[1]
%y = elementwise(%a, %b) {expr=logical_or(equal($0, $1), greater($0, 0))}
output %y)",
    R"(input %c: bool[5]
input %a: i32[2,5]
%y = elementwise(%c, %a) {expr=select($0, neg($1), square($1))}
output %y)",
};

}  // namespace

constinit const OpDef k_elementwise{
    "elementwise", 1,       Expr::kMaxInputs,    1, kAttrs, kTraitNone, 1e-5f, infer,
    reference,     nullptr, LINNET_CASES(kCases)};

}  // namespace linnet

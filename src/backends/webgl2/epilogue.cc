#include "backends/webgl2/epilogue.h"

#include <limits>

#include "graph/op_def.h"

namespace linnet::webgl2 {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The epilogue as a clamp, of a sum only with a tensor that lies as the result does.
struct Clamp {
  bool fits = true;
  float low = -kInfinity;
  float high = kInfinity;
  ValueId addend = kNone;
};

Clamp clamp_of(Lowering& lowering, const Node& node) {
  Clamp clamp;
  const Expr* expr = node.attrs.get_expr(Attr::epilogue);
  if (expr == nullptr) return clamp;
  const auto& all = expr->instructions();
  const Expr::Instruction* value = &all.back();
  if (value->op == ExprOp::relu || value->op == ExprOp::relu6) {
    clamp.low = 0;
    if (value->op == ExprOp::relu6) clamp.high = 6;
    value = &all[value->operands[0]];
  }
  clamp.fits = false;
  int operand = 0;
  if (value->op == ExprOp::add) {
    const Expr::Instruction &a = all[value->operands[0]], &b = all[value->operands[1]];
    if (a.op != ExprOp::Input || b.op != ExprOp::Input || a.index * b.index != 0) return clamp;
    operand = a.index + b.index;
    if (operand == 0) return clamp;
  } else if (value->op != ExprOp::Input || value->index != 0) {
    return clamp;
  }
  if (operand > 0) {
    clamp.addend = node.inputs[static_cast<size_t>(own_inputs(node) + operand - 1)];
    const Value &from = lowering.graph().value(clamp.addend), &to = lowering.graph().value(node.outputs[0]);
    if (from.is_constant() || !gpu::is_float(from.dtype) || !(from.shape == to.shape)) return clamp;
    const Tensor &x = lowering.tensor(lowering.ref(clamp.addend)),
                 &y = lowering.tensor(lowering.ref(node.outputs[0]));
    if (y.layers == 1 || x.layers != y.layers || x.unit != y.unit) return clamp;
  }
  clamp.fits = true;
  return clamp;
}

}  // namespace

Epilogue::Epilogue(Lowering& lowering, Kernel& kernel, const Node& node, bool sums)
    : layers_(lowering.tensor(lowering.ref(node.outputs[0])).layers) {
  const Clamp clamp = clamp_of(lowering, node);
  clamps_ = clamp.fits;
  if (!clamps_) {
    gpu::add_epilogue_function(lowering, kernel, node);
    return;
  }
  kernel.param_f32("low", clamp.low);
  kernel.param_f32("high", clamp.high);
  const bool adds = clamp.addend != kNone;
  if (!sums && !adds) return;
  kernel.param("adds", adds);
  addend_ = kernel.input(adds ? lowering.operand(clamp.addend) : kernel.inputs[0]);
}

void Epilogue::append_stores(std::string& text, const char* unit, const char* texel) const {
  const char* store = "  store_$0(epilogue(s$0, ((row + $0u) * $1 + $2) * 4u));\n";
  if (clamps_) store = "  store_$0(min(max(s$0, vec4f(P.low)), vec4f(P.high)));\n";
  if (addend_ >= 0) {
    text += "  if (P.adds != 0u) {\n";
    gpu::append_each(text, layers_, "    s$0 += pick_$1(t, $0);\n", {addend_});
    text += "  }\n";
  }
  gpu::append_each(text, layers_, store, {unit, texel});
}

bool adds_tensor(Lowering& lowering, const Node& node) {
  const Clamp clamp = clamp_of(lowering, node);
  return clamp.fits && clamp.addend != kNone;
}

}  // namespace linnet::webgl2

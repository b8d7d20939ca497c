#include "formats/tfjs/export_expr.h"

namespace linnet {

namespace {

// The TensorFlow op of one expression op; nullptr for those put together from others.
const char* tensorflow_op(ExprOp op) {
  switch (op) {
    case ExprOp::add:
      return "AddV2";
    case ExprOp::sub:
      return "Sub";
    case ExprOp::mul:
      return "Mul";
    case ExprOp::div:
      return "RealDiv";
    case ExprOp::maximum:
      return "Maximum";
    case ExprOp::minimum:
      return "Minimum";
    case ExprOp::squared_difference:
      return "SquaredDifference";
    case ExprOp::floor_div:
      return "FloorDiv";
    case ExprOp::floor_mod:
      return "FloorMod";
    case ExprOp::pow:
      return "Pow";
    case ExprOp::neg:
      return "Neg";
    case ExprOp::abs:
      return "Abs";
    case ExprOp::square:
      return "Square";
    case ExprOp::reciprocal:
      return "Reciprocal";
    case ExprOp::sqrt:
      return "Sqrt";
    case ExprOp::rsqrt:
      return "Rsqrt";
    case ExprOp::exp:
      return "Exp";
    case ExprOp::log:
      return "Log";
    case ExprOp::sin:
      return "Sin";
    case ExprOp::cos:
      return "Cos";
    case ExprOp::floor:
      return "Floor";
    case ExprOp::ceil:
      return "Ceil";
    case ExprOp::round:
      return "Round";
    case ExprOp::relu:
      return "Relu";
    case ExprOp::relu6:
      return "Relu6";
    case ExprOp::prelu:
      return "Prelu";
    case ExprOp::elu:
      return "Elu";
    case ExprOp::sigmoid:
      return "Sigmoid";
    case ExprOp::tanh:
      return "Tanh";
    case ExprOp::softplus:
      return "Softplus";
    case ExprOp::equal:
      return "Equal";
    case ExprOp::not_equal:
      return "NotEqual";
    case ExprOp::less:
      return "Less";
    case ExprOp::less_equal:
      return "LessEqual";
    case ExprOp::greater:
      return "Greater";
    case ExprOp::greater_equal:
      return "GreaterEqual";
    case ExprOp::logical_and:
      return "LogicalAnd";
    case ExprOp::logical_or:
      return "LogicalOr";
    case ExprOp::logical_not:
      return "LogicalNot";
    case ExprOp::select:
      return "SelectV2";
    case ExprOp::Input:
    case ExprOp::Constant:
    case ExprOp::clip:
    case ExprOp::hard_sigmoid:
      return nullptr;
  }
  return nullptr;
}

void export_operator(ExportWriter& writer, const Expr::Instruction& instruction,
                     const std::vector<std::string>& operands, const std::vector<std::string>& inputs,
                     const std::string& name, bool whole) {
  const auto part = [&](const char* op, const std::vector<std::string>& of) {
    const std::string part_name = writer.take_name(name + "/part");
    writer.node(part_name, op, of);
    return part_name;
  };
  switch (instruction.op) {
    case ExprOp::Input:
      writer.node(name, "Identity", {operands[instruction.index]});
      return;
    case ExprOp::Constant:
      writer.node(name, "Identity", {number_constant(writer, name + "/constant", instruction.value, whole)});
      return;
    case ExprOp::clip:
      writer.node(name, "Minimum", {part("Maximum", {inputs[0], inputs[1]}), inputs[2]});
      return;
    case ExprOp::hard_sigmoid: {
      const std::string scaled = part("Mul", {inputs[0], writer.scalar(name + "/slope", 0.2f)});
      const std::string shifted = part("AddV2", {scaled, writer.scalar(name + "/offset", 0.5f)});
      const std::string low = part("Maximum", {shifted, writer.scalar(name + "/low", 0)});
      writer.node(name, "Minimum", {low, writer.scalar(name + "/high", 1)});
      return;
    }
    default:
      writer.node(name, tensorflow_op(instruction.op), inputs);
  }
}

}  // namespace

void export_expr(ExportWriter& writer, const Expr& expr, const std::vector<std::string>& operands,
                 const std::string& result, bool whole) {
  std::vector<std::string> names;
  const auto& all = expr.instructions();
  for (size_t i = 0; i < all.size(); ++i) {
    const Expr::Instruction& instruction = all[i];
    const bool last = i + 1 == all.size();
    if (instruction.op == ExprOp::Input && !last) {
      names.push_back(operands[instruction.index]);
      continue;
    }
    if (instruction.op == ExprOp::Constant && !last) {
      names.push_back(number_constant(writer, result + "/constant", instruction.value, whole));
      continue;
    }
    const std::string name = last ? result : writer.take_name(result + "/part");
    std::vector<std::string> inputs;
    for (int k = 0; k < expr_op_arity(instruction.op); ++k) inputs.push_back(names[instruction.operands[k]]);
    export_operator(writer, instruction, operands, inputs, name, whole);
    names.push_back(name);
  }
}

std::string number_constant(ExportWriter& writer, const std::string& name, float value, bool whole) {
  return whole ? writer.whole_number(name, static_cast<int64_t>(value)) : writer.scalar(name, value);
}

}  // namespace linnet

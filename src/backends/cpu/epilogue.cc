#include "backends/cpu/epilogue.h"

#include "backends/cpu/kernels/program.h"
#include "backends/cpu/params.h"
#include "graph/op_def.h"

namespace linnet::cpu {

namespace {

// How an operand of shape `operand` is read while a result of `shape` is walked as rows of `columns`.
std::optional<ProgramOperand> operand_of(const Shape& operand, const Shape& shape, int64_t columns) {
  bool inner_dense = true, inner_ones = true;
  // Rows of the operand, those of the result that share one, and those after which the operand begins again.
  int64_t covered = 1, rows = 1, divisor = 1, after = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    const int32_t size = i < operand.rank() ? operand.back(i) : 1;
    const bool is_dense = size == shape.back(i);
    if (covered < columns) {
      inner_dense &= is_dense;
      inner_ones &= size == 1;
    } else if (!is_dense) {
      if (size != 1) return std::nullopt;
      (rows == 1 ? divisor : after) *= shape.back(i);
    } else if (size != 1) {
      if (after != 1) return std::nullopt;  // dense, repeated, dense again
      rows *= size;
    }
    covered *= shape.back(i);
  }
  if (!inner_dense && !inner_ones) return std::nullopt;
  const bool by_column = inner_dense && !inner_ones;
  ProgramOperand result{};
  result.row_stride = rows == 1 ? 0u : (by_column ? static_cast<uint32_t>(columns) : 1u);
  result.column_stride = by_column ? 1 : 0;
  result.row_divisor = rows == 1 ? 1 : static_cast<uint32_t>(divisor);
  result.row_modulus = after == 1 || rows == 1 ? 0 : static_cast<uint32_t>(rows);
  return result;
}

}  // namespace

bool is_computed(const Expr& expr) {
  return expr.instructions().back().op != ExprOp::Input;
}

std::optional<Clamp> as_clamp(const Expr& expr) {
  const auto& all = expr.instructions();
  if (expr.is_identity()) return Clamp{};
  if (all.size() == 2 && all[0].op == ExprOp::Input && all[0].index == 0) {
    if (all[1].op == ExprOp::relu) return Clamp{.low = 0};
    if (all[1].op == ExprOp::relu6) return Clamp{0, 6};
  }
  return std::nullopt;
}

bool fits_rows(const Graph& graph, std::span<const ValueId> operands, const Shape& shape, int64_t columns) {
  for (ValueId id : operands)
    if (id != kNone && !operand_of(graph.value(id).shape, shape, columns)) return false;
  return true;
}

bool build_program(Lowering& lowering, const Expr& expr, std::span<const ValueId> operands,
                   const Shape& shape, int64_t columns, std::vector<uint32_t>* words) {
  if (!is_computed(expr) || !fits_rows(lowering.graph(), operands, shape, columns)) return false;
  // Inputs of the expression come first, as the operands; the rest of its instructions follow.
  std::vector<ProgramInstruction> instructions;
  std::vector<uint8_t> slots;
  for (const Expr::Instruction& instruction : expr.instructions()) {
    if (instruction.op == ExprOp::Input) {
      slots.push_back(instruction.index);
      continue;
    }
    ProgramInstruction packed{static_cast<uint8_t>(instruction.op), {0, 0, 0}, instruction.value};
    for (int i = 0; i < expr_op_arity(instruction.op); ++i)
      packed.operands[i] = slots[instruction.operands[i]];
    slots.push_back(static_cast<uint8_t>(operands.size() + instructions.size()));
    instructions.push_back(packed);
  }
  const auto count = static_cast<uint32_t>(operands.size());
  append_params(*words, ProgramHeader{count, static_cast<uint32_t>(instructions.size()),
                                      static_cast<uint32_t>(columns), count});
  for (ValueId id : operands) {
    if (id == kNone) {
      append_params(*words, ProgramOperand{Ref::none(), static_cast<uint32_t>(columns), 1, 1, 0});
      continue;
    }
    ProgramOperand operand = *operand_of(lowering.shape(id), shape, columns);
    operand.ref = lowering.ref(id);
    append_params(*words, operand);
  }
  for (const ProgramInstruction& instruction : instructions) append_params(*words, instruction);
  return true;
}

uint64_t scratch_of(const std::vector<uint32_t>& program) {
  ProgramHeader header;
  std::memcpy(&header, program.data(), sizeof header);
  return program_scratch_bytes(header.operands, header.instructions);
}

namespace {

std::vector<ValueId> epilogue_operands(const Node& node, ValueId first) {
  std::vector<ValueId> operands{first};
  operands.insert(operands.end(), node.inputs.begin() + own_inputs(node), node.inputs.end());
  return operands;
}

}  // namespace

bool has_row_epilogue(const Graph& graph, const Node& node) {
  const Expr* expr = node.attrs.get_expr(Attr::epilogue);
  const Shape& shape = graph.value(node.outputs[0]).shape;
  return expr != nullptr && !as_clamp(*expr) && is_computed(*expr) &&
         fits_rows(graph, epilogue_operands(node, kNone), shape, shape.back());
}

std::optional<EpilogueLowering> lower_epilogue(Lowering& lowering, const Node& node, bool rows_in_kernel) {
  EpilogueLowering result;
  const Expr* expr = node.attrs.get_expr(Attr::epilogue);
  if (expr == nullptr) return result;
  if (const std::optional<Clamp> clamp = as_clamp(*expr)) {
    result.clamp = *clamp;
    return result;
  }
  const Shape& shape = lowering.shape(node.outputs[0]);
  result.separate = !rows_in_kernel;
  const ValueId first = rows_in_kernel ? kNone : node.outputs[0];
  if (!build_program(lowering, *expr, epilogue_operands(node, first), shape, shape.back(), &result.program))
    return std::nullopt;
  return result;
}

void emit_separate_epilogue(Lowering& lowering, const Node& node, const EpilogueLowering& epilogue) {
  if (epilogue.separate)
    emit_program(lowering, node.outputs[0], lowering.shape(node.outputs[0]).back(), epilogue.program);
}

void emit_program(Lowering& lowering, ValueId out, int64_t columns, const std::vector<uint32_t>& program) {
  const int64_t elements = lowering.shape(out).elements();
  const auto rows = static_cast<uint32_t>(elements / columns);
  std::vector<uint32_t> words;
  append_params(words, ElementwiseParams{lowering.ref(out), rows});
  words.insert(words.end(), program.begin(), program.end());
  lowering.need_scratch(scratch_of(program));
  lowering.emit(PlanOp::Elementwise, rows, elements, words);
}

}  // namespace linnet::cpu

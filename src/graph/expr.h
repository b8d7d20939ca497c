// Scalar expressions: what an elementwise node computes for one element, and the epilogue of a structured op.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace linnet {

// The scalar operators; their meaning stands in graph/expr_ops.def.
enum class ExprOp : uint8_t {
  Input,     // operand `index`
  Constant,  // `value`
#define LINNET_EXPR(name, arity, type_rule, low, high, body) name,
#include "graph/expr_ops.def"
#undef LINNET_EXPR
};

const char* expr_op_name(ExprOp op);
int expr_op_arity(ExprOp op);

// A scalar expression in SSA form: instruction i may use the results of instructions before it; the last one
// is the value. Text form: `relu6(add($0, mul($1, 0.5)))`.
class Expr {
 public:
  struct Instruction {
    ExprOp op;
    uint8_t index = 0;                // Input
    float value = 0;                  // Constant
    uint8_t operands[3] = {0, 0, 0};  // instruction numbers
    // Constants by their bits: 0 and -0 differ, a NaN is itself.
    bool operator==(const Instruction& other) const;
  };
  static constexpr size_t kMaxInstructions = 64;
  static constexpr int kMaxInputs = 16;

  // $index alone.
  static Expr input(int index);
  static Expr constant(float value);
  // `op` over `operands`, which must be as many as its arity.
  static Expr apply(ExprOp op, std::initializer_list<const Expr*> operands);
  // Of instructions as `instructions` gives them: at least one, none that uses a later one.
  static Expr of(std::vector<Instruction> instructions);
  // `outer` with its $slot replaced by `inner`; `inner`'s $i become `map[i]`, and `outer`'s other inputs
  // stay. Equal instructions are kept once. Fails (TooLarge) when the result would not fit, as instructions
  // or as text.
  static Result<Expr> compose(const Expr& outer, int slot, const Expr& inner,
                              const std::vector<int>& inner_map);
  static Result<Expr> parse(std::string_view text);

  const std::vector<Instruction>& instructions() const { return instructions_; }
  bool empty() const { return instructions_.empty(); }
  // True for a lone $0.
  bool is_identity() const;
  // One more than the highest $index, 0 when none is used.
  int input_count() const;
  Expr with_inputs(const std::vector<int>& map) const;
  std::string to_string() const;
  // The value for scalar operands, by the meaning in expr_ops.def, in double precision.
  double evaluate(const double* operands) const;
  bool operator==(const Expr&) const = default;

 private:
  // How many parts its text has: an instruction that is used several times counts each time.
  size_t text_parts() const;
  uint8_t append(const Instruction& instruction);
  std::vector<Instruction> instructions_;
};

}  // namespace linnet

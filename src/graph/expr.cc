#include "graph/expr.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/format.h"
#include "graph/algebra.h"

namespace linnet {

namespace {

struct OpInfo {
  const char* name;
  int arity;
};
constexpr OpInfo kOps[] = {
    {"$", 0},
    {"", 0},
#define LINNET_EXPR(name, arity, type_rule, low, high, body) {#name, arity},
#include "graph/expr_ops.def"
#undef LINNET_EXPR
};

double apply_scalar(ExprOp op, double x, double y, double z) {
  constexpr ScalarAlgebra<double> m;
  switch (op) {
    case ExprOp::Input:
    case ExprOp::Constant:
      break;
#define LINNET_EXPR(name, arity, type_rule, low, high, body) \
  case ExprOp::name:                                         \
    return body;
#include "graph/expr_ops.def"
#undef LINNET_EXPR
  }
  (void)m, (void)y, (void)z;
  return x;
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

// Recursive descent; the depth is bounded because each level adds an instruction and Expr is bounded.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<std::vector<Expr::Instruction>> parse() {
    TRY(term(0));
    skip_space();
    if (at_ != text_.size()) return unexpected("the end");
    return std::move(instructions_);
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  std::unexpected<Error> unexpected(const char* wanted) {
    return fail(ErrorCode::MalformedText, "expression '%.*s': expected %s at column %zu",
                static_cast<int>(std::min<size_t>(text_.size(), 120)), text_.data(), wanted, at_ + 1);
  }

  Result<uint8_t> append(const Expr::Instruction& instruction) {
    if (instructions_.size() >= Expr::kMaxInstructions)
      return fail(ErrorCode::TooLarge, "an expression may have at most %zu parts", Expr::kMaxInstructions);
    instructions_.push_back(instruction);
    return static_cast<uint8_t>(instructions_.size() - 1);
  }

  Result<uint8_t> term(int depth) {
    skip_space();
    if (depth > static_cast<int>(Expr::kMaxInstructions) || at_ >= text_.size())
      return unexpected("an operand");
    if (text_[at_] == '$') {
      int index = -1;
      const auto [end, error] = std::from_chars(text_.data() + at_ + 1, text_.data() + text_.size(), index);
      if (error != std::errc() || index < 0 || index >= Expr::kMaxInputs)
        return unexpected("an operand number below 16");
      at_ = static_cast<size_t>(end - text_.data());
      return append({.op = ExprOp::Input, .index = static_cast<uint8_t>(index)});
    }
    const size_t begin = at_;
    while (at_ < text_.size() && is_name_char(text_[at_])) ++at_;
    skip_space();
    if (at_ < text_.size() && text_[at_] == '(' && at_ > begin) return call(begin, depth);
    at_ = begin;
    return number();
  }

  Result<uint8_t> call(size_t begin, int depth) {
    size_t end = begin;
    while (is_name_char(text_[end])) ++end;
    const std::string_view name = text_.substr(begin, end - begin);
    for (size_t i = 2; i < std::size(kOps); ++i) {
      if (name != kOps[i].name) continue;
      Expr::Instruction instruction{.op = static_cast<ExprOp>(i)};
      ++at_;  // (
      for (int operand = 0; operand < kOps[i].arity; ++operand) {
        if (operand > 0) TRY(expect(','));
        TRY_ASSIGN(instruction.operands[operand], term(depth + 1));
      }
      TRY(expect(')'));
      return append(instruction);
    }
    at_ = begin;
    return unexpected("the name of an expression op");
  }

  Result<void> expect(char c) {
    skip_space();
    const char wanted[] = {'\'', c, '\'', 0};
    if (at_ >= text_.size() || text_[at_] != c) return unexpected(wanted);
    ++at_;
    return {};
  }

  Result<uint8_t> number() {
    char digits[40] = {};
    const size_t length = std::min(text_.size() - at_, sizeof digits - 1);
    std::memcpy(digits, text_.data() + at_, length);
    char* end = digits;
    const float value = std::strtof(digits, &end);
    if (end == digits) return unexpected("a number, $operand or op");
    at_ += static_cast<size_t>(end - digits);
    return append({.op = ExprOp::Constant, .value = value});
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<Expr::Instruction> instructions_;
};

}  // namespace

const char* expr_op_name(ExprOp op) {
  return kOps[static_cast<size_t>(op)].name;
}

int expr_op_arity(ExprOp op) {
  return kOps[static_cast<size_t>(op)].arity;
}

bool Expr::Instruction::operator==(const Instruction& other) const {
  return op == other.op && index == other.index &&
         std::bit_cast<uint32_t>(value) == std::bit_cast<uint32_t>(other.value) &&
         std::equal(std::begin(operands), std::end(operands), std::begin(other.operands));
}

uint8_t Expr::append(const Instruction& instruction) {
  const auto found = std::find(instructions_.begin(), instructions_.end(), instruction);
  if (found != instructions_.end()) return static_cast<uint8_t>(found - instructions_.begin());
  instructions_.push_back(instruction);
  return static_cast<uint8_t>(instructions_.size() - 1);
}

Expr Expr::input(int index) {
  Expr expr;
  expr.append({.op = ExprOp::Input, .index = static_cast<uint8_t>(index)});
  return expr;
}

Expr Expr::constant(float value) {
  Expr expr;
  expr.append({.op = ExprOp::Constant, .value = value});
  return expr;
}

Expr Expr::of(std::vector<Instruction> instructions) {
  Expr expr;
  expr.instructions_ = std::move(instructions);
  return expr;
}

Expr Expr::apply(ExprOp op, std::initializer_list<const Expr*> operands) {
  CHECK(static_cast<int>(operands.size()) == expr_op_arity(op));
  Expr expr;
  Instruction last{.op = op};
  int slot = 0;
  for (const Expr* operand : operands) {
    std::vector<uint8_t> moved;
    for (Instruction instruction : operand->instructions_) {
      for (int i = 0; i < expr_op_arity(instruction.op); ++i)
        instruction.operands[i] = moved[instruction.operands[i]];
      moved.push_back(expr.append(instruction));
    }
    last.operands[slot++] = moved.back();
  }
  CHECK(expr.instructions_.size() < kMaxInstructions);
  expr.instructions_.push_back(last);
  return expr;
}

Result<Expr> Expr::compose(const Expr& outer, int slot, const Expr& inner,
                           const std::vector<int>& inner_map) {
  Expr result;
  std::vector<uint8_t> inner_moved;
  for (Instruction instruction : inner.instructions_) {
    if (instruction.op == ExprOp::Input)
      instruction.index = static_cast<uint8_t>(inner_map[instruction.index]);
    for (int i = 0; i < expr_op_arity(instruction.op); ++i)
      instruction.operands[i] = inner_moved[instruction.operands[i]];
    inner_moved.push_back(result.append(instruction));
  }
  std::vector<uint8_t> moved;
  for (Instruction instruction : outer.instructions_) {
    if (instruction.op == ExprOp::Input && instruction.index == slot) {
      moved.push_back(inner_moved.back());
      continue;
    }
    for (int i = 0; i < expr_op_arity(instruction.op); ++i)
      instruction.operands[i] = moved[instruction.operands[i]];
    moved.push_back(result.append(instruction));
  }
  // The value is the last instruction; `append` may have found it earlier.
  result.instructions_.resize(moved.back() + 1u);
  if (result.text_parts() > kMaxInstructions || result.input_count() > kMaxInputs)
    return fail(ErrorCode::TooLarge, "a fused expression of more than %zu parts", kMaxInstructions);
  return result;
}

Result<Expr> Expr::parse(std::string_view text) {
  TRY_ASSIGN(std::vector<Instruction> parsed, Parser(text).parse());
  Expr expr;
  std::vector<uint8_t> moved;
  for (Instruction instruction : parsed) {
    for (int i = 0; i < expr_op_arity(instruction.op); ++i)
      instruction.operands[i] = moved[instruction.operands[i]];
    moved.push_back(expr.append(instruction));
  }
  return expr;
}

bool Expr::is_identity() const {
  return instructions_.size() == 1 && instructions_[0].op == ExprOp::Input && instructions_[0].index == 0;
}

int Expr::input_count() const {
  int count = 0;
  for (const Instruction& instruction : instructions_)
    if (instruction.op == ExprOp::Input) count = std::max(count, instruction.index + 1);
  return count;
}

size_t Expr::text_parts() const {
  std::vector<size_t> parts;
  for (const Instruction& instruction : instructions_) {
    size_t count = 1;
    for (int i = 0; i < expr_op_arity(instruction.op); ++i) count += parts[instruction.operands[i]];
    // Sums could overflow where each doubles the one before; one past the limit is enough to know.
    parts.push_back(std::min(count, kMaxInstructions + 1));
  }
  return parts.empty() ? 0 : parts.back();
}

Expr Expr::with_inputs(const std::vector<int>& map) const {
  Expr result;
  std::vector<uint8_t> moved;
  for (Instruction instruction : instructions_) {
    if (instruction.op == ExprOp::Input) instruction.index = static_cast<uint8_t>(map[instruction.index]);
    for (int i = 0; i < expr_op_arity(instruction.op); ++i)
      instruction.operands[i] = moved[instruction.operands[i]];
    moved.push_back(result.append(instruction));
  }
  return result;
}

std::string Expr::to_string() const {
  // An instruction that is used several times is printed where it is used; parsing finds it once again.
  struct Printer {
    const std::vector<Instruction>& instructions;
    std::string operator()(size_t at) const {
      const Instruction& instruction = instructions[at];
      if (instruction.op == ExprOp::Input) return "$" + decimal(instruction.index);
      if (instruction.op == ExprOp::Constant) {
        char text[40];
        std::snprintf(text, sizeof text, "%.9g", static_cast<double>(instruction.value));
        return text;
      }
      std::string text = std::string(expr_op_name(instruction.op)) + "(";
      for (int i = 0; i < expr_op_arity(instruction.op); ++i) {
        if (i > 0) text += ", ";
        text += (*this)(instruction.operands[i]);
      }
      return text + ")";
    }
  };
  return instructions_.empty() ? "" : Printer{instructions_}(instructions_.size() - 1);
}

double Expr::evaluate(const double* operands) const {
  double values[kMaxInstructions];
  size_t count = 0;
  for (const Instruction& instruction : instructions_) {
    double& result = values[count++];
    if (instruction.op == ExprOp::Input)
      result = operands[instruction.index];
    else if (instruction.op == ExprOp::Constant)
      result = static_cast<double>(instruction.value);
    else
      result = apply_scalar(instruction.op, values[instruction.operands[0]], values[instruction.operands[1]],
                            values[instruction.operands[2]]);
  }
  return count > 0 ? values[count - 1] : 0;
}

}  // namespace linnet

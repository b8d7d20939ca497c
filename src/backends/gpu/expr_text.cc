#include "backends/gpu/expr_text.h"

#include <vector>

#include "backends/gpu/text.h"

namespace linnet::gpu {

namespace {

constexpr std::string_view kBodies[] = {
    "",
    "",
#define LINNET_EXPR(name, arity, type_rule, low, high, body) #body,
#include "graph/expr_ops.def"
#undef LINNET_EXPR
};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || c == '_';
}

// Division of whole numbers is their own: the definitions round a quotient that has a fraction.
std::string_view body_of(ExprOp op, bool whole) {
  if (whole && op == ExprOp::floor_div) return "m.div(x, y)";
  if (whole && op == ExprOp::floor_mod) return "x - m.div(x, y) * y";
  return kBodies[static_cast<size_t>(op)];
}

// `body` with its operands x, y, z and the primitives m.name of the algebra in their place: m.k becomes
// `constant`, and others a function of that name with `suffix`.
std::string substitute(std::string_view body, std::span<const std::string> operands,
                       std::string_view constant, std::string_view suffix) {
  std::string text;
  for (size_t at = 0; at < body.size();) {
    if (!is_letter(body[at]) || (at > 0 && body[at - 1] >= '0' && body[at - 1] <= '9')) {
      text += body[at++];
      continue;
    }
    size_t end = at;
    while (end < body.size() && is_letter(body[end])) ++end;
    const std::string_view word = body.substr(at, end - at);
    at = end;
    if (word == "m") {
      const size_t name = ++at;
      while (at < body.size() && is_letter(body[at])) ++at;
      const std::string_view primitive = body.substr(name, at - name);
      if (primitive == "k")
        text += constant;
      else
        (text += primitive) += suffix;
    } else {
      text += operands[static_cast<size_t>(word[0] - 'x')];
    }
  }
  return text;
}

struct Function {
  const char* name;
  const char* wgsl;
  const char* glsl;   // null: the same
  const char* types;  // of the result and of the operands a, b, c: f for vec4f, i for vec4i
};
constexpr char kPow[] =
    "  @vec4f m = pow(abs(a), b);\n  @vec4f half_b = b * vec4f(0.5);\n"
    "  @vec4f below = lt4(a, vec4f(0.0));\n"
    "  m = pick4(below * gt4(fract(half_b), vec4f(0.0)), -m, m);\n"
    "  m = pick4(below * gt4(fract(b), vec4f(0.0)), sqrt(a), m);\n"
    "  return pick4(eq4(b, vec4f(0.0)), vec4f(1.0), m);";
// Cephes' polynomials within an eighth of a turn: what devices have is as coarse as 2^-11. `b` quarter turns
// are added.
constexpr char kTrig[] =
    "  @vec4f k = round4(a * 0.6366197724);\n"
    "  @vec4f r = (a - k * 1.5703125) - k * 4.838267949e-4;\n  @vec4f r2 = r * r;\n"
    "  @vec4f s = r + r * r2 * ((-1.9515295891e-4 * r2 + 8.3321608736e-3) * r2 - 1.6666654611e-1);\n"
    "  @vec4f c = vec4f(1.0) - 0.5 * r2 +\n"
    "      r2 * r2 * ((2.443315711809948e-5 * r2 - 1.388731625493765e-3) * r2 + 4.166664568298827e-2);\n"
    "  @vec4f q = k + b - 4.0 * floor((k + b) * 0.25);\n"
    "  @vec4f v = pick4(eq4(abs(q - vec4f(2.0)), vec4f(1.0)), c, s);\n"
    "  return pick4(gt4(q, vec4f(1.5)), -v, v);";
constexpr Function kFunctions[] = {
    // Rounds down, where the languages round to 0.
    {"div4i", "@vec4i q = a / b; return q - vec4i(lt4(vec4f(a - q * b) * sign(vec4f(b)), vec4f(0.0)));",
     nullptr, "iii"},
    {"pow4", kPow, nullptr, "fff"},
    // By the exponential: what devices have overflows early or is coarse.
    {"tanh4", "@vec4f t = exp(-2.0 * abs(a)); return sign(a) * (vec4f(1.0) - t) / (vec4f(1.0) + t);", nullptr,
     "ff"},
    {"min4", "return min(a, b);", nullptr, "fff"},
    {"max4", "return max(a, b);", nullptr, "fff"},
    {"abs4", "return abs(a);", nullptr, "ff"},
    {"sqrt4", "return sqrt(a);", nullptr, "ff"},
    {"exp4", "return exp(a);", nullptr, "ff"},
    {"log4", "return log(a);", nullptr, "ff"},
    {"sin4", "return trig4(a, vec4f(0.0));", nullptr, "ff"},
    {"cos4", "return trig4(a, vec4f(1.0));", nullptr, "ff"},
    {"trig4", kTrig, nullptr, "fff"},
    {"floor4", "return floor(a);", nullptr, "ff"},
    {"ceil4", "return ceil(a);", nullptr, "ff"},
    {"round4", "return round(a);", "return roundEven(a);", "ff"},
    {"select4", "return pick4(a, b, c);", nullptr, "ffff"},
    {"eq4", "return select(vec4f(0.0), vec4f(1.0), a == b);", "return vec4f(equal(a, b));", "fff"},
    {"lt4", "return select(vec4f(0.0), vec4f(1.0), a < b);", "return vec4f(lessThan(a, b));", "fff"},
    {"le4", "return select(vec4f(0.0), vec4f(1.0), a <= b);", "return vec4f(lessThanEqual(a, b));", "fff"},
    {"gt4", "return select(vec4f(0.0), vec4f(1.0), a > b);", "return vec4f(greaterThan(a, b));", "fff"},
    {"ge4", "return select(vec4f(0.0), vec4f(1.0), a >= b);", "return vec4f(greaterThanEqual(a, b));", "fff"},
    {"pick4", "return select(c, b, a != vec4f(0.0));", "return mix(c, b, notEqual(a, vec4f(0.0)));", "ffff"},
    {"min4i", "return min(a, b);", nullptr, "iii"},
    {"max4i", "return max(a, b);", nullptr, "iii"},
    {"abs4i", "return abs(a);", nullptr, "ii"},
    {"floor4i", "return a;", nullptr, "ii"},
    {"ceil4i", "return a;", nullptr, "ii"},
    {"round4i", "return a;", nullptr, "ii"},
    {"eq4i", "return select(vec4f(0.0), vec4f(1.0), a == b);", "return vec4f(equal(a, b));", "fii"},
    {"lt4i", "return select(vec4f(0.0), vec4f(1.0), a < b);", "return vec4f(lessThan(a, b));", "fii"},
    {"le4i", "return select(vec4f(0.0), vec4f(1.0), a <= b);", "return vec4f(lessThanEqual(a, b));", "fii"},
    {"gt4i", "return select(vec4f(0.0), vec4f(1.0), a > b);", "return vec4f(greaterThan(a, b));", "fii"},
    {"ge4i", "return select(vec4f(0.0), vec4f(1.0), a >= b);", "return vec4f(greaterThanEqual(a, b));",
     "fii"},
    {"select4i", "return select(c, b, a != vec4f(0.0));",
     "return c + (b - c) * ivec4(notEqual(a, vec4f(0.0)));", "ifii"},
};

}  // namespace

ExprText print_expr(const Expr& expr, std::span<const ExprText> operands,
                    std::span<const std::string> constants, std::string& text) {
  std::vector<ExprText> values;
  for (const Expr::Instruction& instruction : expr.instructions()) {
    if (instruction.op == ExprOp::Input) {
      values.push_back(operands[instruction.index]);
      continue;
    }
    const size_t number = values.size();
    if (instruction.op == ExprOp::Constant) {
      values.push_back({text_of("vec4f($0)", {constants[number]})});
      continue;
    }
    // A constant takes the type of what it meets.
    const int arity = expr_op_arity(instruction.op);
    bool whole = false;
    for (int i = 0; i < arity; ++i) whole = whole || values[instruction.operands[i]].whole;
    std::string named[3];
    for (int i = 0; i < arity; ++i) {
      const size_t operand = instruction.operands[i];
      const bool is_constant = expr.instructions()[operand].op == ExprOp::Constant;
      named[i] =
          whole && is_constant ? text_of("vec4i(i32($0))", {constants[operand]}) : values[operand].text;
    }
    const bool compares = instruction.op >= ExprOp::equal && instruction.op <= ExprOp::greater_equal;
    const bool gives_whole = whole && !compares;
    const char* type = gives_whole ? "vec4i" : "vec4f";
    values.push_back({text_of("t$0", {static_cast<uint32_t>(number)}), gives_whole});
    append(text, "  @$0 $1 = $2;\n",
           {type, values.back().text,
            substitute(body_of(instruction.op, whole), named, type, whole ? "4i" : "4")});
  }
  return values.back();
}

std::string expr_functions(Dialect dialect, const std::string& text) {
  std::string above, needs = text;
  // A function may call those after it in the list, which come to stand before it.
  for (const Function& function : kFunctions) {
    const std::string call = text_of("$0(", {function.name});
    if (needs.find(call) == std::string::npos) continue;
    const char* body = dialect == Dialect::Glsl && function.glsl != nullptr ? function.glsl : function.wgsl;
    const auto type = [&](size_t i) { return function.types[i] == 'f' ? "vec4f" : "vec4i"; };
    std::string operands;
    for (size_t i = 1; function.types[i] != 0; ++i) {
      const char name[] = {"abc"[i - 1], 0};
      append(operands, i > 1 ? ", $0 $1" : "$0 $1", {type(i), name});
    }
    needs += body;
    above = text_of("@fn $0 $1$2) { $3 }\n$4", {type(0), call, operands, body, above});
  }
  return translate(dialect, above);
}

}  // namespace linnet::gpu

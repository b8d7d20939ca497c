#include "backends/gpu/expr_text.h"

#include <vector>

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

// `body` with its operands x, y, z and the primitives m.name of the algebra in their place: m.k becomes
// vec4f, and others a function of that name for vec4f.
std::string substitute(std::string_view body, std::span<const std::string_view> operands) {
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
      (text += primitive == "k" ? "vec4f" : primitive) += primitive == "k" ? "" : "4";
    } else {
      text += operands[static_cast<size_t>(word[0] - 'x')];
    }
  }
  return text;
}

struct Function {
  std::string_view name, wgsl, glsl;  // of a vec4f a and, where it takes them, b and c
  int operands;
};
constexpr std::string_view kPow =
    "  @vec4f m = pow(abs(a), b);\n  @vec4f half_b = b * vec4f(0.5);\n"
    "  @vec4f below = lt4(a, vec4f(0.0));\n"
    "  m = pick4(below * gt4(fract(half_b), vec4f(0.0)), -m, m);\n"
    "  m = pick4(below * gt4(fract(b), vec4f(0.0)), sqrt(a), m);\n"
    "  return pick4(eq4(b, vec4f(0.0)), vec4f(1.0), m);";
// Cephes' polynomials within an eighth of a turn: what devices have is as coarse as 2^-11. `b` quarter turns
// are added.
constexpr std::string_view kTrig =
    "  @vec4f k = round4(a * 0.6366197724);\n"
    "  @vec4f r = (a - k * 1.5703125) - k * 4.838267949e-4;\n  @vec4f r2 = r * r;\n"
    "  @vec4f s = r + r * r2 * ((-1.9515295891e-4 * r2 + 8.3321608736e-3) * r2 - 1.6666654611e-1);\n"
    "  @vec4f c = vec4f(1.0) - 0.5 * r2 +\n"
    "      r2 * r2 * ((2.443315711809948e-5 * r2 - 1.388731625493765e-3) * r2 + 4.166664568298827e-2);\n"
    "  @vec4f q = k + b - 4.0 * floor((k + b) * 0.25);\n"
    "  @vec4f v = pick4(eq4(abs(q - vec4f(2.0)), vec4f(1.0)), c, s);\n"
    "  return pick4(gt4(q, vec4f(1.5)), -v, v);";
constexpr Function kFunctions[] = {
    {"pow4", kPow, kPow, 2},
    // By the exponential: what devices have overflows early or is coarse.
    {"tanh4", "@vec4f t = exp(-2.0 * abs(a)); return sign(a) * (vec4f(1.0) - t) / (vec4f(1.0) + t);",
     "@vec4f t = exp(-2.0 * abs(a)); return sign(a) * (vec4f(1.0) - t) / (vec4f(1.0) + t);", 1},
    {"min4", "return min(a, b);", "return min(a, b);", 2},
    {"max4", "return max(a, b);", "return max(a, b);", 2},
    {"abs4", "return abs(a);", "return abs(a);", 1},
    {"sqrt4", "return sqrt(a);", "return sqrt(a);", 1},
    {"exp4", "return exp(a);", "return exp(a);", 1},
    {"log4", "return log(a);", "return log(a);", 1},
    {"sin4", "return trig4(a, vec4f(0.0));", "return trig4(a, vec4f(0.0));", 1},
    {"cos4", "return trig4(a, vec4f(1.0));", "return trig4(a, vec4f(1.0));", 1},
    {"trig4", kTrig, kTrig, 2},
    {"floor4", "return floor(a);", "return floor(a);", 1},
    {"ceil4", "return ceil(a);", "return ceil(a);", 1},
    {"round4", "return round(a);", "return roundEven(a);", 1},
    {"select4", "return pick4(a, b, c);", "return pick4(a, b, c);", 3},
    {"eq4", "return select(vec4f(0.0), vec4f(1.0), a == b);", "return vec4f(equal(a, b));", 2},
    {"lt4", "return select(vec4f(0.0), vec4f(1.0), a < b);", "return vec4f(lessThan(a, b));", 2},
    {"le4", "return select(vec4f(0.0), vec4f(1.0), a <= b);", "return vec4f(lessThanEqual(a, b));", 2},
    {"gt4", "return select(vec4f(0.0), vec4f(1.0), a > b);", "return vec4f(greaterThan(a, b));", 2},
    {"ge4", "return select(vec4f(0.0), vec4f(1.0), a >= b);", "return vec4f(greaterThanEqual(a, b));", 2},
    {"pick4", "return select(c, b, a != vec4f(0.0));", "return mix(c, b, notEqual(a, vec4f(0.0)));", 3},
};

}  // namespace

std::string print_expr(const Expr& expr, std::span<const std::string> operands,
                       std::span<const std::string> constants, std::string* text) {
  std::vector<std::string> values;
  for (const Expr::Instruction& instruction : expr.instructions()) {
    if (instruction.op == ExprOp::Input) {
      values.push_back(operands[instruction.index]);
      continue;
    }
    if (instruction.op == ExprOp::Constant) {
      values.push_back(constants[values.size()]);
      continue;
    }
    std::string_view named[3];
    for (int i = 0; i < expr_op_arity(instruction.op); ++i) named[i] = values[instruction.operands[i]];
    std::string name = "t" + std::to_string(values.size());
    *text +=
        "  @vec4f " + name + " = " + substitute(kBodies[static_cast<size_t>(instruction.op)], named) + ";\n";
    values.push_back(std::move(name));
  }
  return values.back();
}

std::string expr_functions(Dialect dialect, std::string_view text) {
  std::string above;
  std::string needs(text);
  // A function may call those after it in the list, which come to stand before it.
  for (const Function& function : kFunctions) {
    const std::string call = std::string(function.name) + "(";
    if (needs.find(call) == std::string::npos) continue;
    std::string body(dialect == Dialect::Wgsl ? function.wgsl : function.glsl);
    std::string made = "@fn vec4f " + call + "vec4f a";
    if (function.operands > 1) made += ", vec4f b";
    if (function.operands > 2) made += ", vec4f c";
    made += ") { " + body + " }\n";
    needs += body;
    above = made + above;
  }
  return translate(dialect, above);
}

}  // namespace linnet::gpu

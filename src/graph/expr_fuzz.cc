// Expressions: what parses has a text that parses to the same, and a value.
#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "graph/expr.h"

using namespace linnet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Result<Expr> expr = Expr::parse({reinterpret_cast<const char*>(data), size});
  if (!expr) return 0;
  CHECK(!expr->empty() && expr->instructions().size() <= Expr::kMaxInstructions);
  CHECK(expr->input_count() <= Expr::kMaxInputs);

  const std::string text = expr->to_string();
  const Result<Expr> again = Expr::parse(text);
  CHECK(again);
  CHECK(again->to_string() == text);

  double operands[Expr::kMaxInputs];
  for (int i = 0; i < Expr::kMaxInputs; ++i) operands[i] = 0.5 * i - 3;
  const double value = expr->evaluate(operands);
  const double same = again->evaluate(operands);
  CHECK(value == same || (value != value && same != same));
  return 0;
}

#include "graph/expr.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "graph/test_graph.h"

namespace linnet {
namespace {

using testing::error_of;

Expr parse(std::string_view text) {
  auto expr = Expr::parse(text);
  EXPECT_TRUE(expr) << error_of(expr);
  return expr ? *expr : Expr();
}

double value(std::string_view text, std::vector<double> operands) {
  operands.resize(Expr::kMaxInputs);
  return parse(text).evaluate(operands.data());
}

TEST(Expr, PrintsWhatItParses) {
  for (const char* text : {"$0", "$15", "1.5", "-2", "1e+10", "inf", "-inf", "0.100000001",
                           "relu6(add($0, mul($1, 0.5)))", "select(less($0, $1), $2, neg($0))"})
    EXPECT_EQ(parse(text).to_string(), text);
  EXPECT_EQ(parse("  add( $0 ,1 )").to_string(), "add($0, 1)");
}

TEST(Expr, KeepsEqualInstructionsOnce) {
  EXPECT_EQ(parse("mul(add($0, 1), add($0, 1))").instructions().size(), 4u);
  EXPECT_EQ(parse("add($0, $0)").instructions().size(), 2u);
}

// They are equal as numbers, but not as operands of a division.
TEST(Expr, KeepsNegativeZeroApart) {
  EXPECT_EQ(value("sub(div($0, 0), div($0, -0))", {1}), INFINITY);
  EXPECT_FALSE(Expr::constant(0.0f) == Expr::constant(-0.0f));
  EXPECT_EQ(Expr::constant(NAN), Expr::constant(NAN));
}

TEST(Expr, SaysWhatItExpected) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "expected an operand at column 1"},
      {"$16", "expected an operand number below 16 at column 1"},
      {"$-1", "expected an operand number below 16 at column 1"},
      {"add($0)", "expected ',' at column 7"},
      {"neg($0, $1)", "expected ')' at column 7"},
      {"neg($0", "expected ')' at column 7"},
      {"negate($0)", "expected the name of an expression op at column 1"},
      {"add($0, what)", "expected a number, $operand or op at column 9"},
      {"$0 $1", "expected the end at column 4"},
  };
  for (const auto& [text, message] : cases)
    EXPECT_EQ(error_of(Expr::parse(text)),
              "malformed graph text: expression '" + std::string(text) + "': " + message);
}

TEST(Expr, BoundsItsSize) {
  std::string chain = "$0";
  for (int i = 0; i < 63; ++i) chain = "neg(" + chain + ")";
  EXPECT_EQ(parse(chain).instructions().size(), Expr::kMaxInstructions);
  EXPECT_FALSE(Expr::parse("neg(" + chain + ")"));
  EXPECT_FALSE(Expr::parse(std::string(100000, '(')));
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "neg(";
  EXPECT_FALSE(Expr::parse(deep));
}

TEST(Expr, KnowsItsInputs) {
  EXPECT_TRUE(parse("$0").is_identity());
  EXPECT_FALSE(parse("$1").is_identity());
  EXPECT_FALSE(parse("neg($0)").is_identity());
  EXPECT_EQ(parse("2").input_count(), 0);
  EXPECT_EQ(parse("add($0, $3)").input_count(), 4);
  EXPECT_EQ(parse("add($0, $1)").with_inputs({4, 2}).to_string(), "add($4, $2)");
  // Inputs that become one share their instructions.
  EXPECT_EQ(parse("add(neg($0), neg($1))").with_inputs({3, 3}).instructions().size(), 3u);
}

TEST(Expr, AppliesOps) {
  const Expr x = Expr::input(0), y = Expr::input(1);
  const Expr sum = Expr::apply(ExprOp::add, {&x, &y});
  const Expr product = Expr::apply(ExprOp::mul, {&sum, &x});
  EXPECT_EQ(product.to_string(), "mul(add($0, $1), $0)");
  EXPECT_EQ(product, parse("mul(add($0, $1), $0)"));
}

// What the ops mean, at points worked out by hand.
TEST(Expr, Evaluates) {
  EXPECT_EQ(value("squared_difference($0, $1)", {2, 5}), 9);
  EXPECT_EQ(value("floor_div($0, $1)", {-7, 2}), -4);
  EXPECT_EQ(value("floor_mod($0, $1)", {-7, 2}), 1);
  EXPECT_EQ(value("round($0)", {2.5}), 2);
  EXPECT_EQ(value("round($0)", {3.5}), 4);
  EXPECT_EQ(value("clip($0, $1, $2)", {9, -1, 4}), 4);
  EXPECT_EQ(value("relu6($0)", {7}), 6);
  EXPECT_EQ(value("prelu($0, $1)", {-2, 0.25}), -0.5);
  EXPECT_EQ(value("prelu($0, $1)", {2, 0.25}), 2);
  EXPECT_NEAR(value("elu($0)", {-1}), std::expm1(-1), 1e-15);
  EXPECT_NEAR(value("sigmoid($0)", {0}), 0.5, 1e-15);
  EXPECT_NEAR(value("softplus($0)", {-30}), std::log1p(std::exp(-30)), 1e-15);
  EXPECT_EQ(value("softplus($0)", {1000}), 1000);
  EXPECT_NEAR(value("hard_sigmoid($0)", {1}), 0.7, 1e-7);
  EXPECT_EQ(value("not_equal($0, $1)", {1, 1}), 0);
  EXPECT_EQ(value("less_equal($0, $1)", {1, 1}), 1);
  EXPECT_EQ(value("logical_and($0, logical_not($1))", {1, 0}), 1);
  EXPECT_EQ(value("select($0, $1, $2)", {0, 5, 6}), 6);
}

// A random expression of `size` instructions over inputs 0..2, arithmetic only, so that every value is
// finite.
Expr random_expr(std::mt19937& random, int size) {
  std::vector<Expr> parts{Expr::input(0), Expr::input(1), Expr::input(2), Expr::constant(0.5f)};
  const ExprOp ops[] = {ExprOp::add,     ExprOp::sub, ExprOp::maximum,
                        ExprOp::minimum, ExprOp::neg, ExprOp::relu};
  for (int i = 0; i < size; ++i) {
    const ExprOp op = ops[random() % std::size(ops)];
    const Expr &x = parts[random() % parts.size()], &y = parts[random() % parts.size()];
    Expr next = expr_op_arity(op) == 1 ? Expr::apply(op, {&x}) : Expr::apply(op, {&x, &y});
    if (next.instructions().size() < 20) parts.push_back(std::move(next));
  }
  return parts.back();
}

TEST(Expr, ComposingIsEvaluatingInside) {
  std::mt19937 random(1);
  int composed = 0;
  for (int round = 0; round < 500; ++round) {
    const Expr outer = random_expr(random, 5), inner = random_expr(random, 5);
    const int slot = static_cast<int>(random() % 3);
    const std::vector<int> map{static_cast<int>(random() % 6), static_cast<int>(random() % 6),
                               static_cast<int>(random() % 6)};
    const auto both = Expr::compose(outer, slot, inner, map);
    if (!both) continue;
    ++composed;
    double operands[Expr::kMaxInputs];
    for (double& operand : operands) operand = static_cast<double>(random() % 1000) / 100 - 5;
    double inside[Expr::kMaxInputs] = {}, outside[Expr::kMaxInputs];
    for (size_t i = 0; i < map.size(); ++i) inside[i] = operands[map[i]];
    std::copy(std::begin(operands), std::end(operands), outside);
    outside[slot] = inner.evaluate(inside);
    ASSERT_EQ(both->evaluate(operands), outer.evaluate(outside))
        << both->to_string() << " is not " << outer.to_string() << " with $" << slot << " = "
        << inner.to_string();
    ASSERT_EQ(parse(both->to_string()).evaluate(operands), both->evaluate(operands));
  }
  EXPECT_GT(composed, 400);
}

TEST(Expr, ComposeKeepsOtherInputsOfTheOuterOne) {
  EXPECT_EQ(Expr::compose(parse("add($0, $1)"), 1, parse("mul($0, $1)"), {0, 2})->to_string(),
            "add($0, mul($0, $2))");
  // The slot alone is the inner expression.
  EXPECT_EQ(Expr::compose(parse("$1"), 1, parse("neg($0)"), {5})->to_string(), "neg($5)");
}

// Text names a shared part once for each use: what doubles at every step must not grow without bound.
TEST(Expr, ComposedExpressionsStayPrintable) {
  const Expr twice = parse("add($0, $0)");
  Expr expr = twice;
  for (int i = 0; i < 60; ++i) {
    auto next = Expr::compose(twice, 0, expr, {0});
    if (!next) {
      EXPECT_EQ(next.error().code(), ErrorCode::TooLarge);
      break;
    }
    expr = *next;
    ASSERT_LT(expr.to_string().size(), 2000u);
    EXPECT_EQ(parse(expr.to_string()), expr);
  }
}

TEST(Expr, ComposeFailsWhenTooLarge) {
  std::string chain = "$0";
  for (int i = 0; i < 40; ++i) chain = "neg(" + chain + ")";
  const auto both = Expr::compose(parse(chain), 0, parse(chain), {0});
  ASSERT_FALSE(both);
  EXPECT_EQ(both.error().code(), ErrorCode::TooLarge);
}

}  // namespace
}  // namespace linnet

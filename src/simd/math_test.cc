// The algebra of vectors against that of doubles, and every expression op's vector body against
// Expr::evaluate.
#include "simd/math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "graph/algebra.h"
#include "graph/expr.h"

namespace linnet {
namespace {

using simd::V;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Equal up to `tolerance` of the value; infinities and NaN stand in the same places.
void expect_close(float found, double expected, double tolerance, const std::string& what) {
  const float rounded = static_cast<float>(expected);
  if (!std::isfinite(rounded) || !std::isfinite(found)) {
    EXPECT_TRUE(found == rounded || (std::isnan(found) && std::isnan(rounded)))
        << what << " is " << found << ", not " << expected;
    return;
  }
  // Results below the smallest normal number may become 0.
  const double room = tolerance * std::abs(expected) + static_cast<double>(std::numeric_limits<float>::min());
  EXPECT_NEAR(static_cast<double>(found), expected, room) << what;
}

// All lanes `value`, its sign included.
V all(float value) {
  float lanes[simd::kWidth];
  std::fill(std::begin(lanes), std::end(lanes), value);
  return simd::load(lanes);
}

using Unary = V (*)(V);
using Scalar = double (*)(double);

// Many points of [low, high], every lane another one.
void expect_like(const char* name, Unary vector, Scalar scalar, float low, float high, double tolerance,
                 double absolute = 0) {
  constexpr int kPoints = 20000;
  for (int i = 0; i < kPoints; i += simd::kWidth) {
    float points[simd::kWidth], results[simd::kWidth];
    for (int lane = 0; lane < simd::kWidth; ++lane)
      points[lane] = low + (high - low) * static_cast<float>(i + lane) / static_cast<float>(kPoints);
    simd::store(results, vector(simd::load(points)));
    for (int lane = 0; lane < simd::kWidth; ++lane) {
      const double expected = scalar(static_cast<double>(points[lane]));
      ASSERT_NEAR(static_cast<double>(results[lane]), expected, tolerance * std::abs(expected) + absolute)
          << name << "(" << points[lane] << ")";
    }
  }
}

TEST(VectorMath, IsWithinAFewUnitsOfDoubles) {
  using A = simd::VectorAlgebra;
  using S = ScalarAlgebra<double>;
  expect_like("exp", A::exp, S::exp, -87, 88.7f, 5e-7);
  expect_like("exp", A::exp, S::exp, -1, 1, 3e-7);
  expect_like("log", A::log, S::log, 1e-3f, 0.9f, 5e-7);
  expect_like("log", A::log, S::log, 0.9f, 1.1f, 5e-7, 1e-9);
  expect_like("log", A::log, S::log, 1.1f, 1e6f, 3e-7);
  expect_like("sin", A::sin, S::sin, -30, 30, 2e-7, 2e-7);
  expect_like("cos", A::cos, S::cos, -30, 30, 2e-7, 2e-7);
  expect_like("tanh", A::tanh, S::tanh, -12, 12, 1e-6);
  expect_like("tanh", A::tanh, S::tanh, -0.5f, 0.5f, 1e-6);
  expect_like("sqrt", A::sqrt, S::sqrt, 0, 100, 1e-7);
}

TEST(VectorMath, IsExactWhereItCanBe) {
  using A = simd::VectorAlgebra;
  using S = ScalarAlgebra<double>;
  const std::tuple<const char*, Unary, Scalar> functions[] = {{"floor", A::floor, S::floor},
                                                              {"ceil", A::ceil, S::ceil},
                                                              {"round", A::round, S::round},
                                                              {"abs", A::abs, S::abs}};
  for (const auto& [name, vector, scalar] : functions) {
    expect_like(name, vector, scalar, -4, 4, 0);
    for (const float x : {-0.5f, 0.5f, 1.5f, 2.5f, -2.5f, 0.49999997f, 8388609.0f, -1e10f, 0.0f, -0.0f,
                          1e-45f, kInfinity, -kInfinity, kNan})
      expect_close(vector(all(x))[0], scalar(static_cast<double>(x)), 0,
                   name + ("(" + std::to_string(x) + ")"));
  }
}

// A NaN in the first operand stays, one in the second is dropped, as in the scalar algebra.
TEST(VectorMath, MinMaxAndComparisonsTreatNanAlike) {
  using A = simd::VectorAlgebra;
  using S = ScalarAlgebra<double>;
  const float values[] = {-1, 0, -0.0f, 2, kInfinity, -kInfinity, kNan};
  const std::tuple<const char*, V (*)(V, V), double (*)(double, double)> functions[] = {
      {"min", A::min, S::min}, {"max", A::max, S::max}, {"eq", A::eq, S::eq}, {"lt", A::lt, S::lt},
      {"le", A::le, S::le},    {"gt", A::gt, S::gt},    {"ge", A::ge, S::ge}};
  for (const auto& [name, vector, scalar] : functions)
    for (const float x : values)
      for (const float y : values)
        expect_close(vector(all(x), all(y))[simd::kWidth - 1],
                     scalar(static_cast<double>(x), static_cast<double>(y)), 0,
                     name + ("(" + std::to_string(x) + ", " + std::to_string(y) + ")"));
  for (const float c : {0.0f, -0.0f, 1.0f, -2.0f, kNan})
    EXPECT_EQ(A::select(all(c), all(5), all(6))[0],
              static_cast<float>(S::select(static_cast<double>(c), 5, 6)))
        << c;
}

TEST(VectorMath, LanesAreIndependent) {
  float points[simd::kWidth], results[simd::kWidth];
  for (int lane = 0; lane < simd::kWidth; ++lane)
    points[lane] = lane % 2 == 0 ? kNan : static_cast<float>(lane);
  simd::store(results, simd::exp(simd::load(points)));
  for (int lane = 0; lane < simd::kWidth; ++lane) {
    if (lane % 2 == 0)
      EXPECT_TRUE(std::isnan(results[lane])) << lane;
    else
      EXPECT_NEAR(results[lane], std::exp(static_cast<float>(lane)), 1e-6f * results[lane]) << lane;
  }
}

TEST(Simd, PartialLoadsAndStoresTouchNothingElse) {
  const std::vector<float> source(simd::kWidth, 3);
  for (int count = 0; count <= simd::kWidth; ++count) {
    const V loaded = simd::load_partial(source.data(), count);
    for (int lane = 0; lane < simd::kWidth; ++lane) EXPECT_EQ(loaded[lane], lane < count ? 3 : 0);
    std::vector<float> target(simd::kWidth, 7);
    simd::store_partial(target.data(), loaded, count);
    for (int lane = 0; lane < simd::kWidth; ++lane) EXPECT_EQ(target[lane], lane < count ? 3 : 7);
  }
  V v{};
  for (int lane = 0; lane < simd::kWidth; ++lane) v[lane] = static_cast<float>(lane) - 2;
  EXPECT_EQ(simd::sum_lanes(v), static_cast<float>(simd::kWidth * (simd::kWidth - 1) / 2 - 2 * simd::kWidth));
}

struct ExpressionOp {
  const char* name;
  ExprOp op;
  int arity;
  const char* rule;
  double low, high;
  V (*vector)(V x, V y, V z);
};

const ExpressionOp kExpressionOps[] = {
#define LINNET_EXPR(name, arity, type_rule, low, high, body)                   \
  {#name,                                                                      \
   ExprOp::name,                                                               \
   arity,                                                                      \
   #type_rule,                                                                 \
   low,                                                                        \
   high,                                                                       \
   []([[maybe_unused]] V x, [[maybe_unused]] V y, [[maybe_unused]] V z) -> V { \
     [[maybe_unused]] constexpr simd::VectorAlgebra m;                         \
     return body;                                                              \
   }},
#include "graph/expr_ops.def"
#undef LINNET_EXPR
};

double evaluate(const ExpressionOp& op, float x, float y, float z) {
  const Expr a = Expr::input(0), b = Expr::input(1), c = Expr::input(2);
  const Expr expr = op.arity == 1   ? Expr::apply(op.op, {&a})
                    : op.arity == 2 ? Expr::apply(op.op, {&a, &b})
                                    : Expr::apply(op.op, {&a, &b, &c});
  const double operands[Expr::kMaxInputs] = {static_cast<double>(x), static_cast<double>(y),
                                             static_cast<double>(z)};
  return expr.evaluate(operands);
}

std::string call(const ExpressionOp& op, float x, float y, float z) {
  return op.name + ("(" + std::to_string(x) + ", " + std::to_string(y) + ", " + std::to_string(z) + ")");
}

TEST(ExpressionBodies, VectorsComputeWhatEvaluateDoes) {
  std::mt19937 random(5);
  for (const ExpressionOp& op : kExpressionOps) {
    SCOPED_TRACE(op.name);
    const std::string rule = op.rule;
    std::uniform_real_distribution<float> numbers(static_cast<float>(op.low), static_cast<float>(op.high));
    const auto draw = [&](int operand) {
      const bool is_bool = rule == "Logical" || (rule == "Select" && operand == 0);
      return is_bool ? static_cast<float>(random() % 2) : numbers(random);
    };
    // Operands that are equal in some cases, for comparisons.
    for (int i = 0; i < 500; ++i) {
      const float x = draw(0), z = draw(2), y = i % 5 == 0 && rule != "Select" ? x : draw(1);
      const double expected = evaluate(op, x, y, z);
      const float found = op.vector(all(x), all(y), all(z))[0];
      // Sums of large parts lose what the parts have in common; floor(x / y) may fall to the other side of a
      // whole number in single precision.
      if (op.op == ExprOp::floor_div || op.op == ExprOp::floor_mod) {
        const double quotient = static_cast<double>(x) / static_cast<double>(y);
        if (std::abs(quotient - std::nearbyint(quotient)) < 1e-6) continue;
      }
      ASSERT_NEAR(static_cast<double>(found), expected, 1e-6 * std::abs(expected) + 2e-6)
          << call(op, x, y, z);
    }
  }
}

TEST(ExpressionBodies, VectorsTreatSpecialNumbersAsEvaluateDoes) {
  const float specials[] = {0.0f, -0.0f, 1, -1, kInfinity, -kInfinity, kNan, 1e-40f, -1e-40f};
  for (const ExpressionOp& op : kExpressionOps) {
    const std::string rule = op.rule;
    // Bools are 0 or 1. Powers have a test of their own.
    if (rule == "Logical" || op.op == ExprOp::pow) continue;
    const bool takes_subnormals = op.arity == 1;
    for (const float x : specials)
      for (const float y : specials) {
        // Ratios with numbers below the normal range overflow in single precision alone.
        if (!takes_subnormals && (std::abs(x) == 1e-40f || std::abs(y) == 1e-40f)) continue;
        if (rule == "Select" && std::isnan(x)) continue;
        const float z = 0.5f;
        expect_close(op.vector(all(x), all(y), all(z))[0], evaluate(op, x, y, z), 1e-6, call(op, x, y, z));
        if (op.arity == 1) break;
      }
  }
}

TEST(VectorMath, PowersOfNegativeNumbersAndZero) {
  for (const float x : {-2.0f, -1.5f, -1.0f, 0.0f, 0.5f, 1.0f, 3.0f})
    for (const float y : {-3.0f, -2.0f, -1.0f, -0.5f, 0.0f, 0.5f, 1.0f, 2.0f, 3.0f, 4.0f})
      expect_close(simd::pow(all(x), all(y))[0], std::pow(static_cast<double>(x), static_cast<double>(y)),
                   1e-6, "pow(" + std::to_string(x) + ", " + std::to_string(y) + ")");
}

}  // namespace
}  // namespace linnet

// Index maps, and the text of shaders in both languages.
#include <gtest/gtest.h>

#include "backends/gpu/expr_text.h"
#include "backends/gpu/index_map.h"
#include "backends/gpu/kernel.h"
#include "graph/test_graph.h"

namespace linnet::gpu {
namespace {

// Where element `e` of the result finds its operand.
int64_t find(const IndexMap& map, int64_t e) {
  int64_t at = map.base, inner = 1;
  for (size_t i = map.dims.size(); i-- > 0;) {
    at += e / inner % map.dims[i].size * map.dims[i].stride;
    inner *= map.dims[i].size;
  }
  return at;
}

TEST(IndexMap, BroadcastsAsNumPyDoes) {
  const Shape result{2, 3, 4, 5};
  for (const Shape& operand : {Shape{2, 3, 4, 5}, Shape{5}, Shape{1}, Shape{4, 1}, Shape{3, 1, 5},
                               Shape{2, 1, 1, 5}, Shape{2, 3, 1, 1}}) {
    const IndexMap map = broadcast_map(operand, result);
    for (int64_t e = 0; e < result.elements(); ++e) {
      int64_t rest = e, expected = 0, step = 1;
      for (int i = 0; i < result.rank(); ++i) {
        const int64_t coordinate = rest % result.back(i);
        rest /= result.back(i);
        if (i >= operand.rank()) continue;
        if (operand.back(i) != 1) expected += coordinate * step;
        step *= operand.back(i);
      }
      EXPECT_EQ(find(map, e), expected) << operand.to_string() << " at " << e;
    }
  }
}

TEST(IndexMap, JoinsWhatLiesTogether) {
  EXPECT_TRUE(broadcast_map({2, 3, 4}, {2, 3, 4}).is_identity());
  EXPECT_TRUE(broadcast_map({1, 1}, {2, 3, 4}).is_single());
  EXPECT_EQ(broadcast_map({4}, {2, 3, 4}).dims.size(), 2u);
  EXPECT_TRUE(broadcast_map({4}, {2, 3, 4}).keeps_fours());
  EXPECT_FALSE(broadcast_map({6}, {2, 3, 6}).keeps_fours());
  EXPECT_TRUE(broadcast_map({3, 1}, {2, 3, 4}).repeats_fours());
  EXPECT_FALSE(broadcast_map({3, 1}, {2, 3, 5}).repeats_fours());
}

TEST(ShaderText, IsTranslatedToBothLanguages) {
  const std::string_view text =
      "@fn f32 sum(u32 a, f32 b) {\n  @vec4f v = vec4f(b);\n  return v.x;\n}\n@compute";
  EXPECT_EQ(translate(Dialect::Wgsl, text),
            "fn sum(a: u32, b: f32) -> f32 {\n  var v: vec4f = vec4f(b);\n  return v.x;\n}\n@compute");
  EXPECT_EQ(translate(Dialect::Glsl, text),
            "f32 sum(u32 a, f32 b) {\n  vec4f v = vec4f(b);\n  return v.x;\n}\n@compute");
  EXPECT_EQ(translate(Dialect::Glsl, "@fn u32 none() { }"), "u32 none() { }");
}

TEST(ExprText, ComesFromTheDefinitions) {
  auto expr = Expr::parse("relu6(add($0, mul($1, 0.5)))");
  ASSERT_TRUE(expr);
  std::string text;
  const std::vector<ExprText> operands{{"a"}, {"b"}};
  const std::vector<std::string> constants(expr->instructions().size(), "k");
  EXPECT_EQ(print_expr(*expr, operands, constants, text).text, "t5");
  EXPECT_EQ(text,
            "  @vec4f t3 = b * vec4f(k);\n  @vec4f t4 = a + t3;\n"
            "  @vec4f t5 = min4(max4(t4, vec4f(0)), vec4f(6));\n");
  EXPECT_EQ(expr_functions(Dialect::Wgsl, text),
            "fn max4(a: vec4f, b: vec4f) -> vec4f { return max(a, b); }\n"
            "fn min4(a: vec4f, b: vec4f) -> vec4f { return min(a, b); }\n");
}

TEST(ExprText, ComputesWholeNumbersAsSuch) {
  auto expr = Expr::parse("select(less($0, 3), floor_div($0, $1), 3)");
  ASSERT_TRUE(expr);
  std::string text;
  const std::vector<std::string> constants(expr->instructions().size(), "k");
  const ExprText value = print_expr(*expr, std::vector<ExprText>{{"a", true}, {"b", true}}, constants, text);
  EXPECT_TRUE(value.whole);
  EXPECT_EQ(text,
            "  @vec4f t2 = lt4i(a, vec4i(i32(k)));\n  @vec4i t4 = div4i(a, b);\n"
            "  @vec4i t5 = select4i(t2, t4, vec4i(i32(k)));\n");
}

TEST(ExprText, DefinesWhatItCallsBeforeTheCall) {
  for (const char* op :
       {"elu($0)", "pow($0, $1)", "softplus($0)", "tanh($0)", "select(less($0, $1), $0, round($1))"}) {
    auto expr = Expr::parse(op);
    ASSERT_TRUE(expr);
    std::string body;
    print_expr(*expr, std::vector<ExprText>{{"a"}, {"b"}}, std::vector<std::string>(64), body);
    for (const Dialect dialect : {Dialect::Wgsl, Dialect::Glsl}) {
      const std::string text = expr_functions(dialect, body) + translate(dialect, body);
      // Every name4( is defined where it is first seen.
      for (size_t at = text.find("4("); at != std::string::npos; at = text.find("4(", at + 1)) {
        size_t begin = at;
        while (begin > 0 && std::isalpha(text[begin - 1])) --begin;
        const std::string call = text.substr(begin, at + 2 - begin);
        if (call == "vec4(" || call == "4(") continue;
        const size_t first = text.find(call);
        EXPECT_TRUE(text.compare(first - 3, 3, "fn ") == 0 || text.compare(first - 6, 6, "vec4f ") == 0)
            << call << "\n"
            << text;
      }
    }
  }
}

}  // namespace
}  // namespace linnet::gpu

#include "passes/test_pass.h"

namespace linnet {
namespace {

using namespace testing;

TEST(EliminateCommonSubexpressions, KeepsOneOfSeveral) {
  expect_pass(eliminate_common_subexpressions, R"(
input %x: f32[2]
%a: f32[2] = elementwise(%x) {expr=neg($0)}
%b: f32[2] = elementwise(%x) {expr=neg($0)}
%c: f32[2] = elementwise(%a) {expr=exp($0)}
%d: f32[2] = elementwise(%b) {expr=exp($0)}
%e: f32[2] = elementwise(%c, %d) {expr=add($0, $1)}
output %e
output %d
)",
              R"(
input %x: f32[2]
%a: f32[2] = elementwise(%x) {expr=neg($0)}
%c: f32[2] = elementwise(%a) {expr=exp($0)}
%e: f32[2] = elementwise(%c, %c) {expr=add($0, $1)}
output %e
output %c as "d"
)",
              2);
}

TEST(EliminateCommonSubexpressions, TellsOpsOperandsAndAttributesApart) {
  expect_untouched(eliminate_common_subexpressions, R"(
input %x: f32[1,4,4,1]
input %y: f32[1,4,4,1]
%a: f32[1,2,2,1] = max_pool(%x) {kernel=[2,2], strides=[2,2]}
%b: f32[1,2,2,1] = avg_pool(%x) {kernel=[2,2], strides=[2,2]}
%c: f32[1,3,3,1] = max_pool(%x) {kernel=[2,2]}
%d: f32[1,2,2,1] = max_pool(%y) {kernel=[2,2], strides=[2,2]}
%e: f32[1,4,4,1] = elementwise(%x, %y) {expr=sub($0, $1)}
%f: f32[1,4,4,1] = elementwise(%y, %x) {expr=sub($0, $1)}
%g: f32[1,4,4,1] = elementwise(%x) {expr=div($0, 0)}
%h: f32[1,4,4,1] = elementwise(%x) {expr=div($0, -0)}
output %a
output %b
output %c
output %d
output %e
output %f
output %g
output %h
)");
}

}  // namespace
}  // namespace linnet

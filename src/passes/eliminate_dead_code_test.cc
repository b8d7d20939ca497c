#include "passes/test_pass.h"

namespace linnet {
namespace {

using namespace testing;

TEST(EliminateDeadCode, RemovesWhatNoOutputNeeds) {
  expect_pass(eliminate_dead_code, R"(
input %x: f32[2]
input %unused: f32[2]
%a: f32[2] = elementwise(%x) {expr=neg($0)}
%b: f32[2] = elementwise(%a) {expr=abs($0)}
%c: f32[2] = elementwise(%b) {expr=exp($0)}
output %a
)",
              R"(
input %x: f32[2]
input %unused: f32[2]
%a: f32[2] = elementwise(%x) {expr=neg($0)}
output %a
)",
              2);
}

TEST(EliminateDeadCode, KeepsAllOutputs) {
  expect_untouched(eliminate_dead_code, R"(
input %x: f32[2]
%a: f32[2] = elementwise(%x) {expr=neg($0)}
%b: f32[2] = elementwise(%a) {expr=abs($0)}
output %b
output %a
)");
}

}  // namespace
}  // namespace linnet

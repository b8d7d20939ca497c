#include "passes/test_pass.h"

namespace linnet {
namespace {

using namespace testing;

TEST(FoldBatchNorm, BecomesAScaleAndAShift) {
  expect_pass(fold_batch_norm, R"(
input %x: f32[2,2]
const %gamma: f32[2] = [2, 3]
const %beta: f32[2] = [10, 20]
const %mean: f32[2] = [1, -1]
const %variance: f32[2] = [3, 8]
%n: f32[2,2] = batch_norm(%x, %gamma, %beta, %mean, %variance) {epsilon=1}
%y: f32[2,2] = softmax(%n)
output %y
)",
              R"(
input %x: f32[2,2]
const %n/scale: f32[2] = [1, 1]
const %n/shift: f32[2] = [9, 21]
%n/scaled: f32[2,2] = elementwise(%x, %n/scale) {expr=mul($0, $1)}
%n/shifted: f32[2,2] = elementwise(%n/scaled, %n/shift) {expr=add($0, $1)}
%y: f32[2,2] = softmax(%n/shifted)
output %y
)",
              1);
}

TEST(FoldBatchNorm, LeavesStatisticsThatAreNotConstant) {
  expect_untouched(fold_batch_norm, R"(
input %x: f32[2,2]
input %mean: f32[2]
const %p: f32[2] = [2, 3]
%n: f32[2,2] = batch_norm(%x, %p, %p, %mean, %p) {epsilon=1}
output %n
)");
}

}  // namespace
}  // namespace linnet

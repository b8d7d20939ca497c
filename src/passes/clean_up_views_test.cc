#include "passes/test_pass.h"

namespace linnet {
namespace {

using namespace testing;

TEST(CleanUpViews, RemovesIdentitiesAndReshapesToTheSame) {
  expect_pass(clean_up_views, R"(
input %x: f32[2,3]
%a: f32[2,3] = identity(%x)
%b: f32[2,3] = reshape(%a) {shape=[2,-1]}
%c: f32[2,3] = softmax(%b)
%d: f32[2,3] = identity(%c)
output %d as "scores"
)",
              R"(
input %x: f32[2,3]
%c: f32[2,3] = softmax(%x)
output %c as "scores"
)",
              3);
}

TEST(CleanUpViews, JoinsReshapes) {
  expect_pass(clean_up_views, R"(
input %x: f32[2,3,4]
%a: f32[6,4] = reshape(%x) {shape=[6,4]}
%b: f32[24] = reshape(%a) {shape=[-1]}
%c: f32[4,6] = reshape(%b) {shape=[4,-1]}
output %c
)",
              R"(
input %x: f32[2,3,4]
%c: f32[4,6] = reshape(%x) {shape=[4,-1]}
output %c
)",
              2);
}

TEST(CleanUpViews, RemovesReshapesThereAndBack) {
  expect_pass(clean_up_views, R"(
input %x: f32[2,3]
%a: f32[6] = reshape(%x) {shape=[6]}
%b: f32[2,3] = reshape(%a) {shape=[2,3]}
%c: f32[2,3] = softmax(%b)
output %c
)",
              R"(
input %x: f32[2,3]
%c: f32[2,3] = softmax(%x)
output %c
)",
              1);
}

TEST(CleanUpViews, KeepsAJoinedReshapeThatIsUsedElsewhere) {
  expect_pass(clean_up_views, R"(
input %x: f32[2,3]
%a: f32[6] = reshape(%x) {shape=[6]}
%b: f32[3,2] = reshape(%a) {shape=[3,2]}
output %a
output %b
)",
              R"(
input %x: f32[2,3]
%a: f32[6] = reshape(%x) {shape=[6]}
%b: f32[3,2] = reshape(%x) {shape=[3,2]}
output %a
output %b
)",
              1);
}

TEST(CleanUpViews, KeepsWhatChangesTheShape) {
  expect_untouched(clean_up_views, R"(
input %x: f32[2,3]
%a: f32[3,2] = reshape(%x) {shape=[3,2]}
%b: f32[3,2] = softmax(%a)
%c: f32[6] = reshape(%b) {shape=[6]}
output %c
)");
}

}  // namespace
}  // namespace linnet

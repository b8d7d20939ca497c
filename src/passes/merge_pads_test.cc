#include "passes/test_pass.h"

namespace linnet {
namespace {

using namespace testing;

TEST(MergePads, AddsToThePadsOfAConvolution) {
  expect_pass(merge_pads, R"(
input %x: f32[1,4,4,1]
const %w: f32[2,2,1,1] = [1, 2, 3, 4]
%p: f32[1,5,6,1] = pad(%x) {pads=[0,0,0,1,2,0,0,0]}
%a: f32[1,5,5,1] = conv2d(%p, %w) {pads=[1,0,0,0]}
%q: f32[1,7,8,1] = pad(%a) {mode=constant, pads=[0,0,1,1,2,1,0,0], value=0}
%b: f32[1,3,4,1] = depthwise_conv2d(%q, %w) {strides=[2,2]}
output %b
)",
              R"(
input %x: f32[1,4,4,1]
const %w: f32[2,2,1,1] = [1, 2, 3, 4]
%a: f32[1,5,5,1] = conv2d(%x, %w) {pads=[1,1,2,0]}
%b: f32[1,3,4,1] = depthwise_conv2d(%a, %w) {pads=[1,1,2,1], strides=[2,2]}
output %b
)",
              2);
}

TEST(MergePads, KeepsAPadThatIsUsedElsewhere) {
  expect_pass(merge_pads, R"(
input %x: f32[1,2,2,1]
const %w: f32[1,1,1,1] = [2]
%p: f32[1,3,2,1] = pad(%x) {pads=[0,0,1,0,0,0,0,0]}
%a: f32[1,3,2,1] = conv2d(%p, %w)
output %a
output %p
)",
              R"(
input %x: f32[1,2,2,1]
const %w: f32[1,1,1,1] = [2]
%p: f32[1,3,2,1] = pad(%x) {pads=[0,0,1,0,0,0,0,0]}
%a: f32[1,3,2,1] = conv2d(%x, %w) {pads=[1,0,0,0]}
output %a
output %p
)",
              1);
}

// Each line is one reason not to merge.
TEST(MergePads, LeavesTheRest) {
  const struct {
    const char *why, *shape, *attrs;
  } cases[] = {
      {"another value", "[1,5,4,1]", "pads=[0,0,1,0,0,0,0,0], value=1"},
      {"reflection", "[1,5,4,1]", "mode=reflect, pads=[0,0,1,0,0,0,0,0]"},
      {"symmetry", "[1,5,4,1]", "mode=symmetric, pads=[0,0,1,0,0,0,0,0]"},
      {"the batch", "[2,4,4,1]", "pads=[1,0,0,0,0,0,0,0]"},
      {"more padding than a window takes", "[1,40004,4,1]", "pads=[0,0,40000,0,0,0,0,0]"},
  };
  for (const auto& [why, shape, attrs] : cases) {
    SCOPED_TRACE(why);
    const std::string type = std::string("f32") + shape;
    expect_untouched(merge_pads, "\ninput %x: f32[1,4,4,1]\nconst %w: f32[1,1,1,1] = [2]\n%p: " + type +
                                     " = pad(%x) {" + attrs + "}\n%a: " + type +
                                     " = conv2d(%p, %w)\noutput %a\n");
  }
  expect_untouched(merge_pads, R"(
input %x: f32[1,4,4,1]
const %w: f32[1,1,2,1] = [2, 3]
%p: f32[1,4,4,2] = pad(%x) {pads=[0,0,0,0,0,0,1,0]}
%a: f32[1,4,4,1] = conv2d(%p, %w)
output %a
)");
  expect_untouched(merge_pads, R"(
input %x: f32[1,4,4,1]
%p: f32[1,5,4,1] = pad(%x) {pads=[0,0,1,0,0,0,0,0]}
%a: f32[1,4,3,1] = max_pool(%p) {kernel=[2,2]}
output %a
)");
}

}  // namespace
}  // namespace linnet

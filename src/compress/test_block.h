// A small network for tests of training: an inverted residual, and what stands before and after one.
#pragma once

namespace linnet::testing {

inline constexpr const char* kBlock = R"(
input %x: f32[1,5,5,2]
const %w0: f32[3,3,2,3] = random(1)
const %b0: f32[3] = random(2)
const %w1: f32[1,1,3,6] = random(3)
const %d: f32[3,3,6,1] = random(4)
const %bd: f32[6] = random(5)
const %w2: f32[1,1,6,3] = random(6)
const %w3: f32[3,2] = random(7)
%a = conv2d(%x, %w0, %b0) {pads=[1,1,1,1]}
%e = conv2d(%a, %w1)
%r = elementwise(%e) {expr=relu6($0)}
%dw = depthwise_conv2d(%r, %d, %bd) {pads=[1,1,1,1]}
%s = elementwise(%dw) {expr=relu($0)}
%p = conv2d(%s, %w2)
%y = elementwise(%a, %p) {expr=relu(add($0, $1))}
%m = reduce(%y) {mode=mean, axes=[1,2]}
%z = matmul(%m, %w3)
output %z)";

}  // namespace linnet::testing

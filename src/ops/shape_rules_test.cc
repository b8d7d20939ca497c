// What the ops' shape rules refuse: the message names the node, the shapes and the reason.
#include <gtest/gtest.h>

#include "graph/test_graph.h"

namespace linnet {
namespace {

// The error of the last statement of `text`, less the line.
std::string rule_error(const std::string& text) {
  const auto graph = parse_graph(text);
  if (graph) return "no error";
  const std::string detail = graph.error().detail();
  return detail.substr(detail.find(": ") + 2);
}

struct Case {
  const char* text;
  const char* message;
};

void expect_errors(std::span<const Case> cases) {
  for (const Case& c : cases) EXPECT_EQ(rule_error(c.text), c.message) << c.text;
}

TEST(ShapeRules, Conv2d) {
  const Case cases[] = {
      {"input %x: f32[1,4,4,3]\ninput %w: f32[3,3,2,8]\n%y = conv2d(%x, %w)",
       "node 'y' (conv2d): kernel [3,3,2,8] does not fit input [1,4,4,3]: input channels differ"},
      {"input %x: f32[4,4,3]\ninput %w: f32[3,3,3,8]\n%y = conv2d(%x, %w)",
       "node 'y' (conv2d): the input has shape [4,4,3], must have 4 dimensions"},
      {"input %x: i32[1,4,4,3]\ninput %w: f32[3,3,3,8]\n%y = conv2d(%x, %w)",
       "node 'y' (conv2d): the input is i32, must be f32"},
      {"input %x: f32[1,4,4,3]\ninput %w: f32[3,3,3,8]\ninput %b: f32[3]\n%y = conv2d(%x, %w, %b)",
       "node 'y' (conv2d): bias has shape [3], must have 8 channels"},
      {"input %x: f32[1,4,4,3]\ninput %w: f32[5,3,3,8]\n%y = conv2d(%x, %w)",
       "node 'y' (conv2d): a window of 5 (dilation 1) does not fit an input of 4 with padding 0"},
      {"input %x: f32[1,4,4,3]\ninput %w: f32[3,3,3,8]\n%y = conv2d(%x, %w) {dilations=[1,3], "
       "pads=[0,0,1,1]}",
       "node 'y' (conv2d): a window of 3 (dilation 3) does not fit an input of 4 with padding 2"},
      {"input %x: f32[1,4,4,3]\ninput %w: f32[3,3,3,8]\n%y = conv2d(%x, %w) {strides=[0,1]}",
       "node 'y' (conv2d): kernel 3, stride 0, dilation 1 and pads 0, 0 are out of range"},
      {"input %x: f32[1,4,4,3]\ninput %w: f32[3,3,3,8]\n%y = conv2d(%x, %w) {pads=[-1,0,0,0]}",
       "node 'y' (conv2d): kernel 3, stride 1, dilation 1 and pads -1, 0 are out of range"},
      {"input %x: f32[1,4,4,3]\ninput %w: f32[3,3,3,8]\n%y = conv2d(%x, %w) {pads=[1,1]}",
       "node 'y' (conv2d): attribute 'pads' needs 4 numbers, has 2"},
      {"input %x: f32[1,4,4,3]\ninput %w: f32[0,3,3,8]\n%y = conv2d(%x, %w)",
       "node 'y' (conv2d): kernel 0, stride 1, dilation 1 and pads 0, 0 are out of range"},
      {"input %x: f32[1,30000,30000,1]\ninput %w: f32[1,1,1,8]\n%y = conv2d(%x, %w)",
       "'x' is larger than 1073741824 bytes, the most that a tensor may have"},
      {"input %x: f32[1,8000,8000,1]\ninput %w: f32[1,1,1,8]\n%y = conv2d(%x, %w)",
       "node 'y' (conv2d): 'y' is larger than 1073741824 bytes, the most that a tensor may have"},
  };
  expect_errors(cases);
}

TEST(ShapeRules, OtherConvolutions) {
  const Case cases[] = {
      {"input %x: f32[1,4,4,3]\ninput %w: f32[3,3,2,1]\n%y = depthwise_conv2d(%x, %w)",
       "node 'y' (depthwise_conv2d): kernel [3,3,2,1] does not fit input [1,4,4,3]: input channels differ"},
      {"input %x: f32[1,1,1,65536]\ninput %w: f32[1,1,65536,2]\ninput %b: f32[3]\n%y = depthwise_conv2d(%x, "
       "%w, %b)",
       "node 'y' (depthwise_conv2d): bias has shape [3], must have 131072 channels"},
      {"input %x: f32[1,4,4,3]\ninput %w: f32[2,2,8,2]\n%y = conv2d_transpose(%x, %w) {output_shape=[8,8]}",
       "node 'y' (conv2d_transpose): kernel [2,2,8,2] does not fit input [1,4,4,3]: input channels differ"},
      {"input %x: f32[1,4,4,3]\ninput %w: f32[2,2,8,3]\n%y = conv2d_transpose(%x, %w) {strides=[2,2], "
       "output_shape=[8,10]}",
       "node 'y' (conv2d_transpose): an output of 8x10 has a convolution of 4x5, the input is 4x4"},
      {"input %x: f32[1,4,4,3]\ninput %w: f32[2,2,8,3]\n%y = conv2d_transpose(%x, %w)",
       "node 'y' (conv2d_transpose): attribute 'output_shape' is missing"},
  };
  expect_errors(cases);
}

TEST(ShapeRules, Epilogues) {
  const std::string conv = "input %x: f32[1,4,4,3]\ninput %w: f32[1,1,3,8]\ninput %b: f32[8]\n";
  EXPECT_EQ(rule_error(conv + "%y = conv2d(%x, %w, %b, %x)"),
            "node 'y' (conv2d): has 4 inputs, needs 2 to 3");
  EXPECT_EQ(rule_error(conv + "%y = conv2d(%x, %w) {epilogue=add($0, $1)}"),
            "node 'y' (conv2d): the epilogue uses more inputs than the node has");
  EXPECT_EQ(rule_error(conv + "%y = conv2d(%x, %w, %b, %x) {epilogue=add($0, $1)}"),
            "node 'y' (conv2d): epilogue: shapes [1,4,4,3] and [1,4,4,8] do not broadcast");
  EXPECT_EQ(rule_error(conv + "input %r: f32[2,4,4,8]\n%y = conv2d(%x, %w, %b, %r) {epilogue=add($0, $1)}"),
            "node 'y' (conv2d): epilogue operand f32[2,4,4,8] does not broadcast to f32[1,4,4,8]");
  EXPECT_EQ(rule_error(conv + "input %r: i32[8]\n%y = conv2d(%x, %w, %b, %r) {epilogue=add($0, $1)}"),
            "node 'y' (conv2d): epilogue operand i32[8] does not broadcast to f32[1,4,4,8]");
  std::string operands = "%x, %w, %b";
  for (int i = 0; i < 20; ++i) operands += ", %b";
  EXPECT_EQ(rule_error(conv + "%y = conv2d(" + operands + ") {epilogue=relu($0)}"),
            "node 'y' (conv2d): an epilogue of 20 operands, at most 15 are possible");
}

TEST(ShapeRules, Matmul) {
  const Case cases[] = {
      {"input %a: f32[2,3]\ninput %b: f32[4,5]\n%y = matmul(%a, %b)",
       "node 'y' (matmul): operands [2,3] and [4,5] do not fit: inner dimensions differ"},
      {"input %a: f32[2,3]\ninput %b: f32[3,5]\n%y = matmul(%a, %b) {transpose_b=true}",
       "node 'y' (matmul): operands [2,3] and [3,5] transposed do not fit: inner dimensions differ"},
      {"input %a: f32[3]\ninput %b: f32[3,5]\n%y = matmul(%a, %b)",
       "node 'y' (matmul): operands [3] and [3,5] need at least 2 dimensions"},
      {"input %a: f32[2,4,3]\ninput %b: f32[3,3,5]\n%y = matmul(%a, %b)",
       "node 'y' (matmul): batch dimensions: shapes [2] and [3] do not broadcast"},
      {"input %a: f32[2,3]\ninput %b: f32[3,5]\ninput %c: f32[1,5]\n%y = matmul(%a, %b, %c)",
       "node 'y' (matmul): bias has shape [1,5], must have 1 dimensions"},
  };
  expect_errors(cases);
}

TEST(ShapeRules, Elementwise) {
  const Case cases[] = {
      {"input %a: f32[2,3]\ninput %b: f32[2]\n%y = elementwise(%a, %b) {expr=add($0, $1)}",
       "node 'y' (elementwise): operands: shapes [2,3] and [2] do not broadcast"},
      {"input %a: f32[2]\n%y = elementwise(%a) {expr=add($0, $1)}",
       "node 'y' (elementwise): the expression uses more inputs than the node has"},
      {"input %a: f32[2]\ninput %b: i32[2]\n%y = elementwise(%a, %b) {expr=add($0, $1)}",
       "node 'y' (elementwise): add of f32 and i32"},
      {"input %a: i32[2]\n%y = elementwise(%a) {expr=exp($0)}",
       "node 'y' (elementwise): exp does not take i32"},
      {"input %a: bool[2]\n%y = elementwise(%a) {expr=neg($0)}",
       "node 'y' (elementwise): neg does not take bool"},
      {"input %a: f32[2]\n%y = elementwise(%a) {expr=logical_not($0)}",
       "node 'y' (elementwise): logical_not does not take f32"},
      {"input %a: f32[2]\n%y = elementwise(%a) {expr=select($0, $0, $0)}",
       "node 'y' (elementwise): the condition of select is f32, must be bool"},
  };
  expect_errors(cases);
}

TEST(ShapeRules, Pools) {
  const Case cases[] = {
      {"input %x: f32[1,4,4,3]\n%y = max_pool(%x) {kernel=[2,5]}",
       "node 'y' (max_pool): a window of 5 (dilation 1) does not fit an input of 4 with padding 0"},
      {"input %x: f32[1,4,4,3]\n%y = avg_pool(%x) {kernel=[2,2], pads=[2,0,0,0]}",
       "node 'y' (avg_pool): padding 2, 0 must be smaller than the kernel 2"},
      {"input %x: f32[1,4,4,3]\n%y = avg_pool(%x) {kernel=[2,0]}",
       "node 'y' (avg_pool): kernel size 0 is out of range"},
      {"input %x: f32[1,4,4,3]\n%y = avg_pool(%x)", "node 'y' (avg_pool): attribute 'kernel' is missing"},
  };
  expect_errors(cases);
}

TEST(ShapeRules, Movements) {
  const Case cases[] = {
      {"input %a: f32[2,3]\ninput %b: f32[3,3]\n%y = concat(%a, %b) {axis=1}",
       "node 'y' (concat): f32[3,3] cannot be joined to f32[2,3] along axis 1"},
      {"input %a: f32[2,3]\n%y = concat(%a) {axis=2}", "node 'y' (concat): axis 2 is not an axis of [2,3]"},
      {"input %a: f32[2,3]\ninput %b: i32[2,3]\n%y = concat(%a, %b) {axis=1}",
       "node 'y' (concat): i32[2,3] cannot be joined to f32[2,3] along axis 1"},
      {"input %a: f32[2,3]\n%y = pad(%a) {pads=[1,1]}", "node 'y' (pad): 2 pads do not fit input [2,3]"},
      {"input %a: f32[3]\n%y = pad(%a) {pads=[3,0], mode=reflect}",
       "node 'y' (pad): pads 3, 0 of axis 0 are out of range"},
      {"input %a: f32[3]\n%y = pad(%a) {pads=[4,0], mode=symmetric}",
       "node 'y' (pad): pads 4, 0 of axis 0 are out of range"},
      {"input %a: f32[3]\n%y = pad(%a) {pads=[1,0], mode=wrap}",
       "node 'y' (pad): there is no padding mode 'wrap'"},
      {"input %a: f32[2,3]\n%y = transpose(%a) {perm=[0]}",
       "node 'y' (transpose): a permutation of 1 axes does not fit [2,3]"},
      {"input %a: f32[2,3]\n%y = transpose(%a) {perm=[1,1]}",
       "node 'y' (transpose): entry 1 of the permutation is out of range or there twice"},
      {"input %a: f32[2,3]\n%y = transpose(%a) {perm=[0,-1]}",
       "node 'y' (transpose): entry -1 of the permutation is out of range or there twice"},
      {"input %a: f32[6]\n%y = reshape(%a) {shape=[-1,-1]}",
       "node 'y' (reshape): dimension -1 of the new shape is not possible"},
      {"input %a: f32[6]\n%y = reshape(%a) {shape=[4,-1]}",
       "node 'y' (reshape): [6] has 6 elements, the new shape does not"},
      {"input %a: f32[6]\n%y = reshape(%a) {shape=[1,1,1,1,1,1,6]}",
       "node 'y' (reshape): the new shape has 7 dimensions, at most 6 are supported"},
      {"input %a: f32[5]\n%y = slice(%a) {begin=[4], size=[2]}",
       "node 'y' (slice): begin 4, size 2, stride 1 of axis 0 do not fit [5]"},
      {"input %a: f32[5]\n%y = slice(%a) {begin=[0], size=[2], strides=[-1]}",
       "node 'y' (slice): begin 0, size 2, stride -1 of axis 0 do not fit [5]"},
      {"input %a: f32[5]\n%y = slice(%a) {begin=[9223372036854775807], size=[2]}",
       "node 'y' (slice): begin 9223372036854775807, size 2, stride 1 of axis 0 do not fit [5]"},
      {"input %a: f32[5]\n%y = slice(%a) {begin=[0], size=[2], strides=[0]}",
       "node 'y' (slice): begin 0, size 2, stride 0 of axis 0 do not fit [5]"},
      {"input %a: f32[5]\n%y = slice(%a) {begin=[0,0], size=[1,1]}",
       "node 'y' (slice): begin, size and strides need an entry for each axis of [5]"},
  };
  expect_errors(cases);
}

TEST(ShapeRules, TheRest) {
  const Case cases[] = {
      {"input %x: f32[2]\ninput %p: f32[3]\n%y = batch_norm(%x, %x, %p, %x, %x) {epsilon=0}",
       "node 'y' (batch_norm): beta has shape [3], the input has 2 channels"},
      {"input %x: f32[]\ninput %p: f32[3]\n%y = batch_norm(%x, %p, %p, %p, %p) {epsilon=0}",
       "node 'y' (batch_norm): the input has no channel dimension"},
      {"input %x: f32[2,3]\n%y = reduce(%x) {mode=median, axes=[]}",
       "node 'y' (reduce): there is no reduction 'median'"},
      {"input %x: i32[2,3]\n%y = reduce(%x) {mode=mean, axes=[]}",
       "node 'y' (reduce): cannot reduce i32 by mean"},
      {"input %x: f32[2,3]\n%y = reduce(%x) {mode=sum, axes=[1,0]}",
       "node 'y' (reduce): axis 0 is out of order or not an axis of [2,3]"},
      {"input %x: f32[2,3]\n%y = reduce(%x) {mode=sum, axes=[2]}",
       "node 'y' (reduce): axis 2 is out of order or not an axis of [2,3]"},
      {"input %x: f32[1,2,2,1]\n%y = resize_bilinear(%x) {size=[0,4]}",
       "node 'y' (resize_bilinear): cannot resize [1,2,2,1] to 0x4"},
      {"input %x: f32[]\n%y = softmax(%x)", "node 'y' (softmax): the input has no dimension to normalise"},
      {"input %x: i32[3]\n%y = softmax(%x)", "node 'y' (softmax): the input is i32, must be f32"},
  };
  expect_errors(cases);
}

TEST(ShapeRules, Codes) {
  const std::string conv =
      "input %x: i8[1,4,4,3]\nconst %w: i8[1,1,3,8] = random(1)\nconst %b: i32[8] = random(1)\nconst %m: "
      "f32[8] = "
      "splat(1)\nconst %n: f32[7] = splat(1)\ninput %r: i8[1,4,4,7]\n%y = ";
  const std::pair<std::string, const char*> cases[] = {
      {"input %x: f32[4]\n%y = dequantize(%x) {scale=1}",
       "node 'y' (dequantize): the input is f32, must be i8"},
      {"input %x: i8[4]\n%y = quantize(%x) {scale=1}", "node 'y' (quantize): the input is i8, must be f32"},
      {"input %x: f32[4]\n%y = quantize(%x) {scale=0}",
       "node 'y' (quantize): scale is 0, must be finite and not 0"},
      {"input %x: f32[4]\n%y = quantize(%x) {scale=1, zero=128}",
       "node 'y' (quantize): zero is 128, must be a code from 0 to 127"},
      {"input %x: i8[4]\ninput %t: i8[127]\n%y = lookup(%x, %t)",
       "node 'y' (lookup): the table has shape [127], must be [128]"},
      {"input %a: i8[4]\ninput %b: i8[1]\n%y = quantized_add(%a, %b) {input_scale=1, other_scale=1}",
       "node 'y' (quantized_add): operands [4] and [1] differ in shape"},
      {conv + "quantized_conv2d(%x, %w, %b, %n)",
       "node 'y' (quantized_conv2d): the multiplier has shape [7], must have 8 channels"},
      {conv + "quantized_conv2d(%x, %w, %m, %m)",
       "node 'y' (quantized_conv2d): the bias is f32, must be i32"},
      {conv + "quantized_conv2d(%x, %w, %b, %m) {low=9, high=8}",
       "node 'y' (quantized_conv2d): low 9 is above high 8"},
      {conv + "quantized_conv2d(%x, %w, %b, %m, %r)",
       "node 'y' (quantized_conv2d): the residual has shape [1,4,4,7], the result [1,4,4,8]"},
      {conv + "quantized_conv2d(%x, %w, %b, %m) {dtype=i32}",
       "node 'y' (quantized_conv2d): the result can be i8, or f32 where there is no residual"},
      {"input %x: i8[1,1,1,70000]\nconst %w: i8[1,1,70000,1] = random(1)\nconst %b: i32[1] = "
       "random(1)\nconst %m: "
       "f32[1] = splat(1)\n%y = quantized_conv2d(%x, %w, %b, %m)",
       "node 'y' (quantized_conv2d): sums of 70000 products do not fit 32 bits, 66052 do"},
      {"input %x: i8[1,4,4,3]\nconst %w: i8[1,1,3,2] = random(1)\nconst %b: i32[6] = random(1)\nconst %m: "
       "f32[6] = "
       "splat(1)\n%y = quantized_depthwise_conv2d(%x, %w, %b, %m)",
       "node 'y' (quantized_depthwise_conv2d): the kernel [1,1,3,2] must have one filter a channel"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(rule_error(text), message) << text;
}

}  // namespace
}  // namespace linnet

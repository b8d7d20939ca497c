// How a draw of several pixels ends: its sums s0, s1 ..., one for each layer of its result, go through the
// node's epilogue and are stored.
#pragma once

#include <string>

#include "backends/webgl2/lower.h"

namespace linnet::webgl2 {

// What most epilogues are: a clamp of the sum, or of the sum and a tensor that lies as the result does. Its
// bounds are parameters, and so is whether there is such a tensor: nodes that differ in that alone share a
// program, of which an emulated GPU takes long to compile each.
class Epilogue {
 public:
  // For a node whose own operands are inputs of the kernel. Where `sums` says so a clamp leaves room for the
  // tensor; without one `kernel`'s input 0, a tensor of floats, takes its place and is not read.
  Epilogue(Lowering& lowering, Kernel& kernel, const Node& node, bool sums);

  // Appends the end of main. Texel number `t` of the result is texel `texel` of `unit`, texts, from the first
  // of a pixel, the first pixel's number being `row`.
  void append_stores(std::string& text, const char* unit, const char* texel) const;

 private:
  const uint32_t layers_;
  bool clamps_ = false;
  int addend_ = -1;  // the kernel's input of the tensor
};

// Is the epilogue such a sum?
bool adds_tensor(Lowering& lowering, const Node& node);

}  // namespace linnet::webgl2

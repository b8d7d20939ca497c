// Matrix products one result at a time, for any operands.
#include "backends/gpu/lower.h"
#include "graph/op_def.h"

namespace linnet::gpu {

namespace {

// Finds, for an element of the result, the first element of the operand's row (or column) that it multiplies.
IndexMap operand_map(const Shape& operand, const Shape& result, int32_t row_step, int32_t column_step) {
  IndexMap map;
  int32_t strides[Shape::kMaxRank] = {};
  int32_t step = operand.back() * operand.back(1);
  for (int i = 2; i < operand.rank(); ++i) {
    strides[result.rank() - 1 - i] = operand.back(i) == 1 ? 0 : step;
    step *= operand.back(i);
  }
  for (int axis = 0; axis < result.rank() - 2; ++axis)
    map.add_inner(static_cast<uint32_t>(result[axis]), strides[axis]);
  map.add_inner(static_cast<uint32_t>(result.back(1)), row_step);
  map.add_inner(static_cast<uint32_t>(result.back()), column_step);
  return map;
}

}  // namespace

Result<bool> lower_matmul(Lowering& lowering, const Node& node) {
  if (!has_float_operands(lowering.graph(), node)) return false;
  const Shape& a = lowering.shape(node.inputs[0]);
  const Shape& b = lowering.shape(node.inputs[1]);
  const Shape& y = lowering.shape(node.outputs[0]);
  const bool ta = node.attrs.get_bool(Attr::transpose_a, false),
             tb = node.attrs.get_bool(Attr::transpose_b, false);
  const int32_t depth = a.back(ta ? 1 : 0), rows = y.back(1), columns = y.back();
  const bool fours = !tb && columns % 4 == 0;
  Kernel kernel;
  lowering.add_own_inputs(kernel, node);
  kernel.param("depth", static_cast<uint32_t>(depth));
  kernel.param("columns", static_cast<uint32_t>(columns));
  const std::string left = kernel.index(operand_map(a, y, ta ? 1 : depth, 0), "e");
  const std::string right = kernel.index(operand_map(b, y, 0, tb ? depth : 1), "e");
  if (ta) kernel.param("rows", static_cast<uint32_t>(rows));
  kernel.text += with_lanes(
      fours,
      text_of("@fn $V element(u32 e) {\n  @$V sum = $0;\n  @u32 left = $1;\n  @u32 right = $2;\n"
              "  for (@u32 i = 0u; i < P.depth; i++) {\n    sum += at_0(left + $3) * $at_1(right + $4);\n"
              "  }\n  return sum;\n}\n",
              {own_inputs(node) > 2 ? "$at_2(e % P.columns)" : "$V(0.0)", left, right,
               ta ? "i * P.rows" : "i", tb ? "i" : "i * P.columns"}));
  return finish_elements(lowering, kernel, node, fours);
}

}  // namespace linnet::gpu

#include "backends/cpu/epilogue.h"
#include "backends/cpu/params.h"

namespace linnet::cpu {

namespace {

// Rows shorter than this waste the program's set-up; longer ones leave fewer to share between threads.
constexpr int64_t kWantedColumns = 1024;

// The number of columns to see the result as: a product of its inner dimensions that all operands can follow.
// 0: none.
int64_t columns_for(const Graph& graph, const Node& node, const Shape& shape) {
  int64_t columns = 1, best = 0;
  for (int i = 0; i <= shape.rank(); ++i) {
    if (fits_rows(graph, node.inputs, shape, columns)) {
      best = columns;
      if (columns >= kWantedColumns) break;
    }
    if (i < shape.rank()) columns *= shape.back(i);
  }
  return best;
}

}  // namespace

Result<bool> lower_elementwise(Lowering& lowering, const Node& node) {
  const Graph& graph = lowering.graph();
  const Expr& expr = *node.attrs.get_expr(Attr::expr);
  const ValueId out = node.outputs[0];
  for (ValueId input : node.inputs)
    if (graph.value(input).dtype != DType::F32) return false;
  if (graph.value(out).dtype != DType::F32 || !is_computed(expr)) return false;
  const int64_t columns = columns_for(graph, node, lowering.shape(out));
  if (columns == 0) return false;
  std::vector<uint32_t> program;
  CHECK(build_program(lowering, expr, node.inputs, lowering.shape(out), columns, &program));
  emit_program(lowering, out, columns, program);
  return true;
}

}  // namespace linnet::cpu

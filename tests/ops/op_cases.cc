#include "tests/ops/op_cases.h"

#include <cstring>

#include "graph/op_def.h"

namespace linnet::tests {

namespace {

const char* operand_type(const char* rule, int operand) {
  if (std::strcmp(rule, "Logical") == 0 || (std::strcmp(rule, "Select") == 0 && operand == 0)) return "bool";
  return "f32";
}

// `op` over inputs of one shape that does not fill whole vectors.
OpCase expression_case(const char* op, int arity, const char* rule, double low, double high) {
  OpCase result{std::string("elementwise/") + op, "", low, high, 1e-5};
  std::string names, operands;
  for (int i = 0; i < arity; ++i) {
    const std::string name = "%x" + std::to_string(i), comma = i > 0 ? ", " : "";
    result.text += "input " + name + ": " + operand_type(rule, i) + "[3,37]\n";
    names += comma + name;
    operands += comma + "$" + std::to_string(i);
  }
  result.text += "%y = elementwise(" + names + ") {expr=" + op + "(" + operands + ")}\noutput %y";
  return result;
}

}  // namespace

std::vector<OpCase> op_cases() {
  std::vector<OpCase> cases;
  const char* const names[] = {
#define LINNET_OP(name) #name,
#include "graph/ops.def"
#undef LINNET_OP
  };
  for (const char* name : names) {
    Op op;
    CHECK(op_from_name(name, &op));
    const OpDef& def = op_def(op);
    for (size_t i = 0; i < def.cases.size(); ++i)
      cases.push_back({std::string(name) + "/" + std::to_string(i), def.cases[i], -1, 1,
                       static_cast<double>(def.tolerance)});
  }
#define LINNET_EXPR(name, arity, type_rule, low, high, body) \
  cases.push_back(expression_case(#name, arity, #type_rule, low, high));
#include "graph/expr_ops.def"
#undef LINNET_EXPR
  return cases;
}

Result<std::vector<Tensor>> reference_values(const Graph& graph, std::span<const Tensor> inputs) {
  std::vector<Tensor> values(graph.value_count());
  for (size_t i = 0; i < graph.inputs.size(); ++i) values[graph.inputs[i].value] = inputs[i];
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Value& value = graph.value(id);
    if (value.is_constant()) {
      values[id] = value.constant;
    } else if (value.producer != kNone) {
      TRY_ASSIGN(values[id], Tensor::zeros(value.dtype, value.shape));
    }
  }
  for (const Node& node : graph.nodes()) {
    std::vector<TensorView> operands, results;
    for (ValueId id : node.inputs) operands.push_back(values[id].view());
    for (ValueId id : node.outputs) results.push_back(values[id].view());
    run_reference(node, operands, results);
  }
  return values;
}

}  // namespace linnet::tests

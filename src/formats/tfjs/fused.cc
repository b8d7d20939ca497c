#include "formats/tfjs/fused.h"

namespace linnet {

Result<FusedOps> FusedOps::read(const GraphOp& op) {
  FusedOps fused(op);
  TRY_ASSIGN(const std::vector<std::string> names, op.strings_attr("fused_ops"));
  size_t next = 2;  // the first input that no fused op has taken
  const auto take = [&](ValueId* value) {
    if (next >= op.input_count()) return false;
    *value = op.input(next++);
    return true;
  };
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    bool complete = true;
    if (name == "BiasAdd" && i == 0) {
      complete = take(&fused.bias_);
    } else if (name == "FusedBatchNorm" && i == 0) {
      fused.batch_norm_.resize(4);
      for (ValueId& value : fused.batch_norm_) complete = complete && take(&value);
    } else if (i + 1 == names.size()) {
      fused.activation_ = name;
      if (name == "Prelu") complete = take(&fused.prelu_);
    } else {
      return op.error(ErrorCode::UnsupportedOp, "fused op '%s' is not supported at place %zu", name.c_str(),
                      i);
    }
    if (!complete)
      return op.error(ErrorCode::MalformedModel, "the inputs of fused op '%s' are missing", name.c_str());
  }
  if (next != op.input_count())
    return op.error(ErrorCode::MalformedModel, "has %zu inputs, its fused ops use %zu", op.input_count(),
                    next);
  return fused;
}

std::string FusedOps::product_name() const {
  return batch_norm_.empty() && activation_.empty() ? std::string(op_.name()) : op_.part("product");
}

Result<ValueId> FusedOps::apply_rest(ValueId product) const {
  ValueId result = product;
  if (!batch_norm_.empty()) {
    TRY_ASSIGN(const float epsilon, op_.float_attr("epsilon", 1e-4f));
    Attrs attrs;
    attrs.set(Attr::epsilon, epsilon);
    std::vector<ValueId> inputs = {result};
    inputs.insert(inputs.end(), batch_norm_.begin(), batch_norm_.end());
    TRY_ASSIGN(result, op_.builder.add(Op::batch_norm,
                                       activation_.empty() ? std::string(op_.name()) : op_.part("batch_norm"),
                                       std::move(inputs), std::move(attrs)));
  }
  if (!activation_.empty()) {
    TRY_ASSIGN(result, apply_activation(result));
  }
  return result;
}

Result<ValueId> FusedOps::apply_activation(ValueId input) const {
  struct Entry {
    const char* name;
    ExprOp op;
  };
  static constexpr Entry kActivations[] = {{"Relu", ExprOp::relu},
                                           {"Relu6", ExprOp::relu6},
                                           {"Elu", ExprOp::elu},
                                           {"Sigmoid", ExprOp::sigmoid},
                                           {"Tanh", ExprOp::tanh}};
  if (activation_ == "Prelu") return op_.builder.apply(ExprOp::prelu, op_.name(), {input, prelu_});
  if (activation_ == "LeakyRelu") {
    TRY_ASSIGN(const float alpha, op_.float_attr("leakyrelu_alpha", 0.2f));
    return op_.builder.apply(ExprOp::prelu, op_.name(), input, alpha);
  }
  for (const Entry& entry : kActivations)
    if (activation_ == entry.name) return op_.builder.apply(entry.op, op_.name(), {input});
  return op_.error(ErrorCode::UnsupportedOp, "fused op '%s' is not supported", activation_.c_str());
}

}  // namespace linnet

#include <algorithm>
#include <cmath>
#include <map>

#include "graph/op_def.h"
#include "graph/quantization.h"
#include "passes/match.h"
#include "passes/passes.h"
#include "passes/quantize_weights.h"

namespace linnet {

namespace {

// Codes that stand for an f32 value of the graph.
struct Codes {
  ValueId id = kNone;
  Quantization quantization;
  ValueId real = kNone;  // the value in f32 again, where it was made of them
};

// What may follow a convolution within its own step.
struct Tail {
  ValueId result;            // the value that it then computes
  ValueId residual = kNone;  // added before the clamp
  bool relu = false;         // clamped at 0 below
};

// relu6 clamps above as well, at 6, but calibration has seen that: no range reaches over it.
bool is_relu(const Expr::Instruction& instruction) {
  return instruction.op == ExprOp::relu || instruction.op == ExprOp::relu6;
}

// add($a, $b), sub($a, $b), or relu or relu6 of that.
struct Sum {
  ValueId a, b;
  bool subtracts, relu;
};
std::optional<Sum> match_sum(const Graph& graph, const Node& node) {
  if (node.op != Op::elementwise || node.inputs.size() != 2) return std::nullopt;
  const auto& all = node.attrs.get_expr(Attr::expr)->instructions();
  const bool relu = all.size() == 4 && is_relu(all[3]);
  if (all.size() != (relu ? 4u : 3u) || all[0].op != ExprOp::Input || all[1].op != ExprOp::Input ||
      (all[2].op != ExprOp::add && all[2].op != ExprOp::sub))
    return std::nullopt;
  const auto operand = [&](int slot) { return node.inputs[all[all[2].operands[slot]].index]; };
  const Sum sum{operand(0), operand(1), all[2].op == ExprOp::sub, relu};
  const Shape& shape = graph.value(node.outputs[0]).shape;
  if (!(graph.value(sum.a).shape == shape) || !(graph.value(sum.b).shape == shape)) return std::nullopt;
  return sum;
}

bool is_activation(const Node& node) {
  return node.op == Op::elementwise && node.inputs.size() == 1;
}

// Ops that move, choose or average codes: the result has the operand's scale.
bool keeps_codes(const Node& node) {
  switch (node.op) {
    case Op::avg_pool:
    case Op::identity:
    case Op::max_pool:
    case Op::reshape:
    case Op::resize_bilinear:
    case Op::slice:
    case Op::transpose:
      return true;
    case Op::reduce:
      return node.attrs.get_string(Attr::mode, "") == "mean";
    default:
      return false;
  }
}

class Quantizer {
 public:
  explicit Quantizer(Graph& graph) : graph_(graph), codes_(graph.value_count()) {
    users_.resize(graph.value_count());
    for (NodeId id = 0; id < graph.node_count(); ++id)
      for (ValueId input : graph.node(id).inputs) users_[input].push_back(id);
    for (const GraphPort& port : graph.outputs) users_[port.value].push_back(kNone);
    find_wanted();
  }

  Result<int> run() {
    const size_t count = graph_.node_count();
    done_.resize(count);
    for (NodeId id = 0; id < count; ++id) {
      if (done_[id]) continue;
      TRY_ASSIGN(const bool rewritten, rewrite(id));
      if (rewritten)
        ++rewrites_;
      else
        TRY(feed_f32(id));
    }
    for (GraphPort& port : graph_.outputs) {
      TRY_ASSIGN(port.value, f32_of(port.value));
    }
    TRY(graph_.sort());
    TRY(eliminate_dead_code(graph_));
    graph_.drop_unused_constants();
    return rewrites_;
  }

 private:
  // A convolution or product whose weights can be codes. One whose own result has no range is to stay f32.
  bool is_anchor(const Node& node) const {
    return weights_are_quantizable(graph_, node) && range_of(node.inputs[0]) != nullptr &&
           graph_.ranges.contains(graph_.value(node.outputs[0]).name);
  }

  const ValueRange* range_of(ValueId id) const {
    // Codes that are joined need one scale: that of the whole.
    const std::vector<NodeId>& users = users_[id];
    if (users.size() == 1 && users[0] != kNone && graph_.node(users[0]).op == Op::concat)
      if (const ValueRange* whole = range_of(graph_.node(users[0]).outputs[0])) return whole;
    const auto found = graph_.ranges.find(graph_.value(id).name);
    return found != graph_.ranges.end() ? &found->second : nullptr;
  }

  // wanted_[value]: some user works on codes. From the end, as that depends on the users' own results.
  void find_wanted() {
    wanted_.assign(graph_.value_count(), false);
    for (NodeId id = static_cast<NodeId>(graph_.node_count()); id-- > 0;) {
      const Node& node = graph_.node(id);
      if (is_anchor(node)) {
        wanted_[node.inputs[0]] = true;
        continue;
      }
      const bool passes =
          keeps_codes(node) || ((is_activation(node) || match_sum(graph_, node) || node.op == Op::concat) &&
                                range_of(node.outputs[0]) != nullptr);
      if (!passes || graph_.value(node.outputs[0]).dtype != DType::F32 || !wanted_[node.outputs[0]]) continue;
      for (ValueId input : node.inputs) wanted_[input] = true;
    }
  }

  bool has_codes(ValueId id) const { return id < codes_.size() && codes_[id].id != kNone; }

  // Codes of an f32 value, made of it where there are none yet.
  Result<Codes> codes_of(ValueId id) {
    if (has_codes(id)) return codes_[id];
    const ValueRange* range = range_of(id);
    const Quantization quantization = linnet::quantization_of(range->low, range->high);
    TRY_ASSIGN(const ValueId codes, graph_.add(Op::quantize, name_of(id), {id}, attrs_of(quantization)));
    return set_codes(id, codes, quantization);
  }

  Codes set_codes(ValueId value, ValueId codes, const Quantization& quantization) {
    codes_[value].id = codes;
    codes_[value].quantization = quantization;
    return codes_[value];
  }

  // The value in f32, made of its codes where nothing else computes it.
  Result<ValueId> f32_of(ValueId id) {
    if (!has_codes(id)) return id;
    const NodeId producer = graph_.value(id).producer;
    if (producer == kNone || !replaced(producer)) return id;
    Codes& codes = codes_[id];
    if (codes.real == kNone) {
      TRY_ASSIGN(codes.real, graph_.add(Op::dequantize, graph_.value(id).name + "/f32", {codes.id},
                                        attrs_of(codes.quantization)));
    }
    return codes.real;
  }

  bool replaced(NodeId id) const { return id < done_.size() && done_[id]; }

  // Node `id` stays f32: what it reads has to be.
  Result<void> feed_f32(NodeId id) {
    for (size_t i = 0; i < graph_.node(id).inputs.size(); ++i) {
      TRY_ASSIGN(const ValueId real, f32_of(graph_.node(id).inputs[i]));
      graph_.node(id).inputs[i] = real;
    }
    return {};
  }

  std::string name_of(ValueId id) const { return graph_.value(id).name + "/codes"; }

  static Attrs attrs_of(const Quantization& quantization) {
    Attrs attrs;
    attrs.set(Attr::scale, quantization.scale);
    attrs.set(Attr::zero, int64_t{quantization.zero_point});
    return attrs;
  }

  Result<bool> rewrite(NodeId id) {
    const Node node = graph_.node(id);
    if (node.outputs.size() != 1 || graph_.value(node.outputs[0]).dtype != DType::F32) return false;
    if (is_anchor(node)) return convolve(id, node);
    const ValueId result = node.outputs[0];
    if (!wanted_[result]) return false;
    for (ValueId input : node.inputs)
      if (!has_codes(input) && !graph_.value(input).is_constant()) return false;
    if (keeps_codes(node)) return keep(id, node);
    if (range_of(result) == nullptr) return false;
    const Quantization quantization = linnet::quantization_of(range_of(result)->low, range_of(result)->high);
    if (const std::optional<Sum> sum = match_sum(graph_, node)) return add(id, node, *sum, quantization);
    if (is_activation(node)) return look_up(id, node, quantization);
    if (node.op == Op::concat) return join(id, node, quantization);
    return false;
  }

  Result<bool> finish(NodeId id, ValueId codes, const Quantization& quantization) {
    set_codes(graph_.node(id).outputs[0], codes, quantization);
    done_[id] = true;
    return true;
  }

  Result<bool> keep(NodeId id, const Node& node) {
    if (!has_codes(node.inputs[0])) return false;
    const Codes input = codes_[node.inputs[0]];
    TRY_ASSIGN(const ValueId codes, graph_.add(node.op, name_of(node.outputs[0]), {input.id}, node.attrs));
    return finish(id, codes, input.quantization);
  }

  Result<bool> add(NodeId id, const Node& node, const Sum& sum, const Quantization& quantization) {
    if (!has_codes(sum.a) || !has_codes(sum.b)) return false;
    const Codes a = codes_[sum.a], b = codes_[sum.b];
    Attrs attrs;
    attrs.set(Attr::input_zero, int64_t{a.quantization.zero_point});
    attrs.set(Attr::input_scale, a.quantization.scale / quantization.scale);
    attrs.set(Attr::other_zero, int64_t{b.quantization.zero_point});
    attrs.set(Attr::other_scale,
              (sum.subtracts ? -b.quantization.scale : b.quantization.scale) / quantization.scale);
    attrs.set(Attr::zero, int64_t{quantization.zero_point});
    if (sum.relu) attrs.set(Attr::low, int64_t{quantization.zero_point});
    TRY_ASSIGN(const ValueId codes,
               graph_.add(Op::quantized_add, name_of(node.outputs[0]), {a.id, b.id}, std::move(attrs)));
    return finish(id, codes, quantization);
  }

  // Maps codes through a function of the reals that they stand for.
  template <class Function>
  Result<ValueId> map_codes(const Codes& input, const std::string& name, const Quantization& quantization,
                            Function function) {
    TRY_ASSIGN(Tensor table, Tensor::zeros(DType::I8, Shape{kMaxCode + 1}));
    for (int32_t code = 0; code <= kMaxCode; ++code) {
      const double real =
          static_cast<double>(input.quantization.scale) * (code - input.quantization.zero_point);
      const double mapped = function(real) / static_cast<double>(quantization.scale);
      table.mutable_as<int8_t>()[code] =
          to_code(static_cast<float>(mapped), CodeRange{.zero_point = quantization.zero_point});
    }
    const ValueId constant = graph_.add_constant(name + "/table", std::move(table));
    return graph_.add(Op::lookup, name, {input.id, constant});
  }

  Result<bool> look_up(NodeId id, const Node& node, const Quantization& quantization) {
    if (!has_codes(node.inputs[0])) return false;
    const Expr& expr = *node.attrs.get_expr(Attr::expr);
    TRY_ASSIGN(const ValueId codes, map_codes(codes_[node.inputs[0]], name_of(node.outputs[0]), quantization,
                                              [&](double real) { return expr.evaluate(&real); }));
    return finish(id, codes, quantization);
  }

  Result<bool> join(NodeId id, const Node& node, const Quantization& quantization) {
    std::vector<ValueId> inputs;
    for (ValueId input : node.inputs) {
      if (!has_codes(input)) return false;
      if (codes_[input].quantization == quantization) {
        inputs.push_back(codes_[input].id);
        continue;
      }
      TRY_ASSIGN(const ValueId rescaled,
                 map_codes(codes_[input], name_of(input), quantization, [](double real) { return real; }));
      inputs.push_back(rescaled);
    }
    TRY_ASSIGN(const ValueId codes,
               graph_.add(Op::concat, name_of(node.outputs[0]), std::move(inputs), node.attrs));
    return finish(id, codes, quantization);
  }

  // The elementwise node that alone uses the result of node `id` and can be part of its step.
  Tail tail_of(const Node& node) {
    const ValueId result = node.outputs[0];
    if (users_[result].size() != 1 || users_[result][0] == kNone) return {result};
    const Node& user = graph_.node(users_[result][0]);
    if (user.op != Op::elementwise || range_of(user.outputs[0]) == nullptr) return {result};
    const auto& all = user.attrs.get_expr(Attr::expr)->instructions();
    if (all.size() == 2 && all[0].op == ExprOp::Input && is_relu(all[1]))
      return {user.outputs[0], kNone, true};
    if (node.op != Op::conv2d) return {result};
    const std::optional<Sum> sum = match_sum(graph_, user);
    if (!sum || sum->subtracts || sum->a == sum->b) return {result};
    const ValueId other = sum->a == result ? sum->b : sum->a;
    return has_codes(other) ? Tail{user.outputs[0], other, sum->relu} : Tail{result};
  }

  // A convolution, depthwise convolution or matrix product with what follows it.
  Result<bool> convolve(NodeId id, const Node& node) {
    Tail tail = tail_of(node);
    // Where only f32 users are, the sums need not become codes.
    const bool is_f32 = node.op != Op::depthwise_conv2d && !wanted_[tail.result];
    if (is_f32) tail = {node.outputs[0]};
    const ValueRange* range = range_of(tail.result);
    if (range == nullptr && !is_f32) return false;
    TRY_ASSIGN(const Codes x, codes_of(node.inputs[0]));
    const Quantization y = is_f32 ? Quantization{} : linnet::quantization_of(range->low, range->high);
    TRY_ASSIGN(const QuantizedWeights weights,
               quantize_weights(graph_, node, static_cast<double>(x.quantization.scale),
                                static_cast<double>(y.scale)));
    std::vector<ValueId> inputs{x.id, weights.weights, weights.bias, weights.multiplier};
    Attrs attrs;
    for (Attr key : {Attr::strides, Attr::dilations, Attr::pads})
      if (const AttrValue* value = node.attrs.find(key)) attrs.set(key, *value);
    attrs.set(Attr::input_zero, int64_t{x.quantization.zero_point});
    if (is_f32)
      attrs.set(Attr::dtype, DType::F32);
    else
      attrs.set(Attr::zero, int64_t{y.zero_point});
    if (tail.relu) attrs.set(Attr::low, int64_t{y.zero_point});
    if (tail.residual != kNone) {
      const Codes residual = codes_[tail.residual];
      inputs.push_back(residual.id);
      attrs.set(Attr::other_zero, int64_t{residual.quantization.zero_point});
      attrs.set(Attr::other_scale, residual.quantization.scale / y.scale);
    }
    const std::string name = is_f32 ? graph_.value(tail.result).name + "/f32" : name_of(tail.result);
    TRY_ASSIGN(const ValueId result, emit(node, name, std::move(inputs), std::move(attrs)));
    done_[id] = true;
    // Weights of a large model do not stand in memory twice.
    release(node.inputs[1]);
    if (is_f32) {
      graph_.replace_uses(tail.result, result);
      return true;
    }
    if (tail.result != node.outputs[0]) done_[graph_.value(tail.result).producer] = true;
    set_codes(tail.result, result, y);
    return true;
  }

  // A matrix product is a 1x1 convolution over rows.
  Result<ValueId> emit(const Node& node, const std::string& name, std::vector<ValueId> inputs, Attrs attrs) {
    if (node.op == Op::depthwise_conv2d)
      return graph_.add(Op::quantized_depthwise_conv2d, name, std::move(inputs), std::move(attrs));
    if (node.op == Op::conv2d)
      return graph_.add(Op::quantized_conv2d, name, std::move(inputs), std::move(attrs));
    const Shape result = graph_.value(node.outputs[0]).shape;
    const int64_t depth = graph_.value(inputs[0]).shape.back();
    TRY_ASSIGN(inputs[0],
               reshape(name + "/rows", inputs[0], {result.elements() / result.back(), 1, 1, depth}));
    TRY_ASSIGN(const ValueId product,
               graph_.add(Op::quantized_conv2d, name + "/product", std::move(inputs), std::move(attrs)));
    return reshape(name, product, Ints(result.dims().begin(), result.dims().end()));
  }

  Result<ValueId> reshape(const std::string& name, ValueId id, Ints shape) {
    Attrs attrs;
    attrs.set(Attr::shape, std::move(shape));
    return graph_.add(Op::reshape, name, {id}, std::move(attrs));
  }

  void release(ValueId id) {
    if (users_[id].size() == 1) graph_.value(id).constant = {};
  }

  Graph& graph_;
  std::vector<Codes> codes_;
  std::vector<std::vector<NodeId>> users_;  // kNone: an output port
  std::vector<bool> wanted_;
  std::vector<bool> done_;  // nodes that others have replaced
  int rewrites_ = 0;
};

}  // namespace

Result<int> quantize(Graph& graph) {
  if (graph.ranges.empty()) return 0;
  return Quantizer(graph).run();
}

}  // namespace linnet

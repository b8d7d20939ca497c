#include "compress/equalise.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "compress/operands.h"
#include "graph/op_def.h"
#include "graph/quantization.h"
#include "passes/quantize_weights.h"

namespace linnet {

namespace {

// Sets that merge.
class Sets {
 public:
  explicit Sets(size_t count) : parents_(count) { std::iota(parents_.begin(), parents_.end(), size_t{0}); }
  size_t find(size_t i) {
    while (parents_[i] != i) i = parents_[i] = parents_[parents_[i]];
    return i;
  }
  void merge(size_t a, size_t b) { parents_[std::max(find(a), find(b))] = std::min(find(a), find(b)); }

 private:
  std::vector<size_t> parents_;
};

// How a convolution or product reads its input.
struct Reader {
  ValueId input;
  NodeId node;
};

class Equaliser {
 public:
  Equaliser(Graph& graph, const Statistics& statistics)
      : graph_(graph), statistics_(statistics), first_(graph.value_count() + 1) {
    for (ValueId id = 0; id < graph.value_count(); ++id) first_[id + 1] = first_[id] + channels(id);
  }

  Result<int> run() {
    const size_t count = first_.back();
    sets_ = Sets(count);
    pinned_.assign(count, false);
    most_.assign(count, INFINITY);
    for (const GraphPort& port : graph_.inputs) pin(port.value);
    for (const GraphPort& port : graph_.outputs) pin(port.value);
    for (NodeId id = 0; id < graph_.node_count(); ++id) visit(id);
    gather();
    choose_factors();
    choose_exponents();
    return apply();
  }

 private:
  size_t channels(ValueId id) const { return statistics_[id].largest.size(); }
  size_t channel(ValueId id, size_t c) const { return first_[id] + c; }

  void pin(ValueId id) {
    for (size_t c = 0; c < channels(id); ++c) pinned_[channel(id, c)] = true;
  }
  void tie(ValueId a, ValueId b, size_t offset = 0) {
    if (channels(a) == 0 || channels(b) < channels(a) + offset) return pin(a), pin(b);
    for (size_t c = 0; c < channels(a); ++c) sets_.merge(channel(a, c), channel(b, c + offset));
  }

  // Ops for which scaling a channel of the operands scales that of the result.
  bool keeps_channels(const Node& node) const {
    const Shape& from = graph_.value(node.inputs[0]).shape;
    const Shape& to = graph_.value(node.outputs[0]).shape;
    if (from.rank() == 0 || to.rank() == 0 || from.back() != to.back()) return false;
    switch (node.op) {
      case Op::avg_pool:
      case Op::identity:
      case Op::max_pool:
      case Op::reshape:
      case Op::resize_bilinear:
        return true;
      case Op::pad:
        return node.attrs.get_string(Attr::mode, "constant") != "constant" ||
               node.attrs.get_float(Attr::value, 0) == 0;
      case Op::reduce: {
        const std::string_view mode = node.attrs.get_string(Attr::mode, "");
        const std::span<const int64_t> axes = node.attrs.get_ints(Attr::axes);
        return (mode == "mean" || mode == "sum" || mode == "max" || mode == "min") && !axes.empty() &&
               std::ranges::none_of(axes, [&](int64_t axis) { return axis < 0 || axis == from.rank() - 1; });
      }
      default:
        return false;
    }
  }

  // Sums, differences and ReLUs of operands of one shape; ReLU6 of one operand alone.
  bool is_homogeneous(const Node& node, bool* is_relu6) const {
    const Shape& shape = graph_.value(node.outputs[0]).shape;
    if (node.op != Op::elementwise || shape.rank() == 0) return false;
    for (const ValueId id : node.inputs)
      if (graph_.value(id).is_constant() || !(graph_.value(id).shape == shape)) return false;
    const auto& all = node.attrs.get_expr(Attr::expr)->instructions();
    *is_relu6 = all.size() == 2 && all[1].op == ExprOp::relu6;
    return *is_relu6 || std::ranges::all_of(all, [](const Expr::Instruction& instruction) {
      return instruction.op == ExprOp::Input || instruction.op == ExprOp::add ||
             instruction.op == ExprOp::sub || instruction.op == ExprOp::relu;
    });
  }

  void visit(NodeId id) {
    const Node& node = graph_.node(id);
    if (weights_are_quantizable(graph_, node) && channels(node.inputs[0]) > 0) {
      readers_.push_back({node.inputs[0], id});
      return;
    }
    bool is_relu6 = false;
    if (keeps_channels(node)) {
      tie(node.inputs[0], node.outputs[0]);
    } else if (is_homogeneous(node, &is_relu6)) {
      for (const ValueId input : node.inputs) tie(input, node.outputs[0]);
      // Under 6 a ReLU6 is a ReLU, for what it gets now and what it would get.
      for (size_t c = 0; is_relu6 && c < channels(node.outputs[0]); ++c) {
        const float largest = statistics_[node.inputs[0]].largest[c];
        float& most = most_[channel(node.outputs[0], c)];
        most = std::min(most, largest < 6 ? 6 / std::max(largest, 1e-6f) : 1);
      }
    } else if (node.op == Op::concat) {
      const bool joins = node.attrs.get_int(Attr::axis, 0) == graph_.value(node.outputs[0]).shape.rank() - 1;
      size_t offset = 0;
      for (const ValueId input : node.inputs) {
        if (channels(input) == 0) return pin_all(node);
        tie(input, node.outputs[0], offset);
        if (joins) offset += channels(input);
      }
    } else {
      pin_all(node);
    }
  }
  void pin_all(const Node& node) {
    for (const ValueId id : node.inputs) pin(id);
    for (const ValueId id : node.outputs) pin(id);
  }

  // The result of a convolution that only an elementwise node reads never becomes codes.
  bool becomes_codes(ValueId id) const {
    const NodeId producer = graph_.value(id).producer;
    return channels(id) > 0 && (uses_[id] != 1 || producer == kNone || !feeds_elementwise_[id] ||
                                !weights_are_quantizable(graph_, graph_.node(producer)));
  }

  void gather() {
    uses_ = graph_.use_counts();
    feeds_elementwise_.assign(graph_.value_count(), false);
    for (const Node& node : graph_.nodes())
      if (node.op == Op::elementwise)
        for (const ValueId id : node.inputs) feeds_elementwise_[id] = true;
    for (size_t i = 0; i < pinned_.size(); ++i) {
      const size_t root = sets_.find(i);
      if (pinned_[i]) pinned_[root] = true;
      most_[root] = std::min(most_[root], most_[i]);
    }
  }

  // By how much each channel may grow without its tensors' ranges growing.
  void choose_factors() {
    factors_.assign(pinned_.size(), 1);
    std::vector<float> room(pinned_.size(), INFINITY);
    for (ValueId id = 0; id < graph_.value_count(); ++id) {
      if (!becomes_codes(id)) continue;
      const std::vector<float>& largest = statistics_[id].largest;
      const float most = *std::ranges::max_element(largest);
      for (size_t c = 0; c < largest.size(); ++c) {
        float& of_set = room[sets_.find(channel(id, c))];
        of_set = std::min(of_set, largest[c] > 0 ? most / largest[c] : kMostFactor);
      }
    }
    for (size_t i = 0; i < factors_.size(); ++i) {
      const size_t root = sets_.find(i);
      if (pinned_[root] || !std::isfinite(room[root])) continue;
      factors_[i] = std::clamp(std::min(room[root], most_[root]), 1 / kMostFactor, kMostFactor);
    }
  }

  // Tensors whose channels are tied, and who reads them, share one exponent of the factors: 0, 1, or between.
  void choose_exponents() {
    Sets tensors(graph_.value_count());
    std::vector<ValueId> owner(pinned_.size(), kNone);
    for (ValueId id = 0; id < graph_.value_count(); ++id)
      for (size_t c = 0; c < channels(id); ++c) {
        ValueId& first = owner[sets_.find(channel(id, c))];
        if (first == kNone) first = id;
        tensors.merge(first, id);
      }
    constexpr float kExponents[] = {1, 0.75f, 0.5f, 0.25f, 0};
    std::vector<std::vector<double>> noise(graph_.value_count(), std::vector<double>(std::size(kExponents)));
    for (const Reader& reader : readers_)
      for (size_t i = 0; i < std::size(kExponents); ++i)
        noise[tensors.find(reader.input)][i] += noise_of(reader, kExponents[i]);
    for (ValueId id = 0; id < graph_.value_count(); ++id) {
      const std::vector<double>& group = noise[tensors.find(id)];
      const auto best = static_cast<size_t>(std::ranges::min_element(group) - group.begin());
      for (size_t c = 0; c < channels(id); ++c) {
        float& factor = factors_[channel(id, c)];
        factor = std::pow(factor, kExponents[best]);
      }
    }
  }

  // The noise that the codes of a reader's input and weights add to its results, relative to these.
  double noise_of(const Reader& reader, float exponent) const {
    const Node& node = graph_.node(reader.node);
    const WeightLayout layout = weight_layout(graph_, node);
    const float* weights = graph_.value(node.inputs[1]).constant.as<float>();
    const std::vector<float>& energy = statistics_[reader.input].energy;
    const size_t inputs = energy.size();
    std::vector<double> factor(inputs);
    double range = 0;
    for (size_t c = 0; c < inputs; ++c) {
      factor[c] = static_cast<double>(std::pow(factors_[channel(reader.input, c)], exponent));
      range = std::max(range, factor[c] * static_cast<double>(statistics_[reader.input].largest[c]));
    }
    const double step = range / kMaxCode;
    double noise = 0, signal = 0;
    for (int64_t o = 0; o < layout.channels; ++o) {
      double sum = 0, most = 0, scaled_energy = 0;
      for (int64_t k = 0; k < layout.depth; ++k) {
        const size_t c = static_cast<size_t>(node.op == Op::depthwise_conv2d ? o : k) % inputs;
        const double weight = static_cast<double>(weights[layout.index(k, o)]) / factor[c];
        const double power = static_cast<double>(energy[c]) * factor[c] * factor[c];
        sum += weight * weight;
        most = std::max(most, std::abs(weight));
        scaled_energy += power;
        signal += weight * weight * power;
      }
      const double weight_step = kLearned * most / kMaxWeightCode;
      noise += step * step * sum + weight_step * weight_step * scaled_energy;
    }
    return signal > 0 ? noise / signal : 0;
  }

  Result<int> apply() {
    for (NodeId id = 0; id < graph_.node_count(); ++id) {
      const Node node = graph_.node(id);
      if (!weights_are_quantizable(graph_, node) || channels(node.inputs[0]) == 0) continue;
      TRY(scale_weights(id, node));
    }
    graph_.drop_unused_constants();
    return static_cast<int>(std::ranges::count_if(factors_, [](float factor) { return factor != 1; }));
  }

  Result<void> scale_weights(NodeId id, const Node& node) {
    const WeightLayout layout = weight_layout(graph_, node);
    const ValueId x = node.inputs[0], y = node.outputs[0];
    const Tensor source = graph_.value(node.inputs[1]).constant;
    TRY_ASSIGN(Tensor scaled, Tensor::zeros(DType::F32, source.shape()));
    for (int64_t k = 0; k < layout.depth; ++k)
      for (int64_t o = 0; o < layout.channels; ++o) {
        const size_t c = static_cast<size_t>(node.op == Op::depthwise_conv2d ? o : k) % channels(x);
        scaled.mutable_as<float>()[layout.index(k, o)] = source.as<float>()[layout.index(k, o)] *
                                                         factors_[channel(y, static_cast<size_t>(o))] /
                                                         factors_[channel(x, c)];
      }
    set_operand(graph_, id, 1, node.name + "/weights", std::move(scaled));
    if (node.inputs.size() < 3) return {};
    const Tensor bias = graph_.value(node.inputs[2]).constant;
    TRY_ASSIGN(Tensor scaled_bias, Tensor::zeros(DType::F32, bias.shape()));
    for (int64_t o = 0; o < layout.channels; ++o)
      scaled_bias.mutable_as<float>()[o] = bias.as<float>()[o] * factors_[channel(y, static_cast<size_t>(o))];
    graph_.node(id).inputs[2] =
        graph_.add_constant(graph_.value(node.inputs[2]).name, std::move(scaled_bias));
    return {};
  }

  // Beyond it a channel is as good as unused.
  static constexpr float kMostFactor = 256;
  // Learned rounding leaves about so much of the step that nearest rounding would err by.
  static constexpr double kLearned = 0.6;

  Graph& graph_;
  const Statistics& statistics_;
  std::vector<size_t> first_;  // of each value's channels
  Sets sets_{0};
  std::vector<bool> pinned_;
  std::vector<float> most_, factors_;  // of each channel
  std::vector<Reader> readers_;
  std::vector<uint32_t> uses_;
  std::vector<bool> feeds_elementwise_;
};

}  // namespace

Result<int> equalise(Graph& graph, const Statistics& statistics) {
  return Equaliser(graph, statistics).run();
}

}  // namespace linnet

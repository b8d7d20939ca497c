#include "compress/reconstruct.h"

#include <algorithm>
#include <optional>

#include "compress/least_squares.h"

namespace linnet {

namespace {

// Layers that read more are left as they are: their covariance would not fit.
constexpr int kMaxColumns = 2400;

bool is_solvable(const Graph& graph, const Node& node) {
  if (node.op == Op::depthwise_conv2d)
    return graph.value(node.inputs[1]).is_constant() && graph.value(node.inputs[1]).shape[3] == 1 &&
           (node.inputs.size() < 3 || graph.value(node.inputs[2]).is_constant()) &&
           !node.attrs.has(Attr::epilogue);
  const ProductWeights weights = product_weights(graph, node);
  return weights.weights != kNone && weights.taps * weights.inputs <= kMaxColumns;
}

// The value that is added to `value`, by its only user: an elementwise node with add($i, $k) in it, where
// neither is used for anything else there, and both are of the same shape.
std::optional<ValueId> added_to(const Graph& graph, ValueId value, NodeId* user_id) {
  const Node* user = nullptr;
  for (NodeId id = 0; id < graph.node_count(); ++id)
    if (std::ranges::find(graph.node(id).inputs, value) != graph.node(id).inputs.end()) {
      if (user != nullptr) return std::nullopt;
      user = &graph.node(id);
      *user_id = id;
    }
  for (const GraphPort& port : graph.outputs)
    if (port.value == value) return std::nullopt;
  if (user == nullptr || user->op != Op::elementwise || user->inputs.size() != 2) return std::nullopt;
  const ValueId other = user->inputs[0] == value ? user->inputs[1] : user->inputs[0];
  const Expr* expr = user->attrs.get_expr(Attr::expr);
  if (other == value || graph.value(other).is_constant() || expr == nullptr ||
      !(graph.value(other).shape == graph.value(value).shape))
    return std::nullopt;
  const auto& code = expr->instructions();
  int inputs = 0;
  bool added = false;
  for (size_t i = 0; i < code.size(); ++i) {
    inputs += code[i].op == ExprOp::Input;
    if (code[i].op != ExprOp::add) continue;
    const auto& a = code[code[i].operands[0]];
    const auto& b = code[code[i].operands[1]];
    added = added || (a.op == ExprOp::Input && b.op == ExprOp::Input && a.index != b.index);
    // What else uses an operand would see it alone.
    for (size_t k = i + 1; added && k < code.size(); ++k)
      for (int o = 0; o < expr_op_arity(code[k].op); ++o)
        if (code[code[k].operands[o]].op == ExprOp::Input) return std::nullopt;
  }
  if (!added || inputs != 2) return std::nullopt;
  return other;
}

class Reconstruction {
 public:
  Reconstruction(const Graph& original, const ChannelGroups& groups,
                 std::span<const std::vector<int32_t>> kept, const Samples& samples,
                 const ReconstructOptions& options, Graph& changed)
      : original_(original),
        groups_(groups),
        kept_(kept),
        options_(options),
        changed_(changed),
        before_(original, samples, options.threads),
        after_(changed, samples, options.threads) {}

  Result<void> run() {
    const std::vector<bool> dirty = dirty_nodes();
    std::vector<NodeId> layers;
    for (NodeId id = options_.first; id < changed_.node_count(); ++id)
      if (dirty[id] && is_solvable(changed_, changed_.node(id))) layers.push_back(id);
    for (size_t i = 0; i < layers.size(); ++i) {
      TRY(before_.advance(original_, layers[i]));
      TRY(after_.advance(changed_, layers[i]));
      TRY(solve(layers[i]));
      if (options_.progress) options_.progress(i + 1, layers.size());
    }
    return {};
  }

 private:
  // Nodes whose inputs, or whose number of inputs, differ from the original's.
  std::vector<bool> dirty_nodes() const {
    std::vector<bool> value(changed_.value_count()), node(changed_.node_count());
    for (NodeId id = 0; id < changed_.node_count(); ++id) {
      const Node& now = changed_.node(id);
      const Node& was = original_.node(id);
      bool dirty = false;
      for (ValueId input : now.inputs) dirty = dirty || value[input];
      if (const ProductWeights weights = product_weights(changed_, now); weights.weights != kNone)
        dirty = dirty || weights.inputs != product_weights(original_, was).inputs;
      node[id] = dirty;
      for (ValueId output : now.outputs) value[output] = dirty;
    }
    return node;
  }

  Result<void> solve(NodeId id) {
    const Node node = changed_.node(id);
    const Node& was = original_.node(id);
    const ValueId result = was.outputs[0];
    // Of the original the result, and the value beside it.
    std::vector<ValueId> original_values{result}, changed_values{node.inputs[0]};
    NodeId user = kNone;
    if (const auto beside = added_to(original_, result, &user);
        beside && is_known(*beside, id) && !before_reads(*beside, result)) {
      original_values.push_back(*beside);
      changed_values.push_back(changed_.node(user).inputs[original_.node(user).inputs[0] == *beside ? 0 : 1]);
    }
    const int axis = original_.value(result).shape.rank() - 1;
    const std::vector<int32_t> kept = groups_.kept_indices(original_, result, axis, kept_);
    const Patches patches(changed_, node, options_.max_rows);
    const int outputs = static_cast<int>(kept.size());

    // The targets of all samples: the original's results, where there is a value beside the sums.
    std::vector<std::vector<float>> targets(before_.samples());
    std::vector<float> scratch, rows;
    TRY(before_.visit(original_, id, original_values, [&](size_t sample, std::span<const TensorView> values) {
      const int channels = values[0].shape.back();
      targets[sample].assign(static_cast<size_t>(patches.rows() * outputs), 0.0f);
      for (const TensorView& value : values) {
        const float* data = patches.results(value.as<float>(), channels, scratch);
        float* out = targets[sample].data();
        for (int64_t row = 0; row < patches.rows(); ++row)
          for (int32_t channel : kept) *out++ += data[row * channels + channel];
      }
    }));
    const bool depthwise = node.op == Op::depthwise_conv2d;
    std::vector<Moments> halves[2];
    for (std::vector<Moments>& half : halves)
      half.assign(depthwise ? static_cast<size_t>(outputs) : 1,
                  depthwise ? Moments(patches.taps(), 1) : Moments(patches.columns(), outputs));
    TRY(after_.visit(changed_, id, changed_values, [&](size_t sample, std::span<const TensorView> values) {
      std::vector<float>& target = targets[sample];
      if (values.size() > 1) {
        const float* beside = patches.results(values[1].as<float>(), outputs, scratch);
        for (size_t i = 0; i < target.size(); ++i) target[i] -= beside[i];
      }
      const float* x = patches.extract(values[0].as<float>(), rows);
      std::vector<Moments>& half = halves[sample / std::max<size_t>(options_.views, 1) % 2];
      if (depthwise)
        Moments::add_depthwise(half, x, target.data(), patches.rows());
      else
        half[0].add(x, target.data(), patches.rows());
    }));

    Eigen::MatrixXd weights = patch_weights(changed_, node);
    Eigen::VectorXd bias = bias_of(changed_, node);
    if (!depthwise) {
      LinearFit fit = fit_towards(halves[0][0], halves[1][0], weights, bias);
      return set_patch_weights(changed_, id, fit.weights, fit.bias);
    }
    for (int c = 0; c < outputs; ++c) {
      const size_t channel = static_cast<size_t>(c);
      const LinearFit fit =
          fit_towards(halves[0][channel], halves[1][channel], weights.col(c), bias.segment(c, 1));
      weights.col(c) = fit.weights;
      bias(c) = fit.bias(0);
    }
    return set_patch_weights(changed_, id, weights, bias);
  }

  // Is `value` there once node `id` has run?
  bool is_known(ValueId value, NodeId id) const {
    const NodeId producer = original_.value(value).producer;
    return producer == kNone || producer < id;
  }
  // A value computed from the result cannot stand beside it.
  bool before_reads(ValueId value, ValueId result) const {
    const NodeId producer = original_.value(value).producer;
    return producer != kNone && producer >= original_.value(result).producer;
  }

  const Graph& original_;
  const ChannelGroups& groups_;
  std::span<const std::vector<int32_t>> kept_;
  const ReconstructOptions& options_;
  Graph& changed_;
  SampleRunner before_, after_;
};

}  // namespace

Result<void> reconstruct(const Graph& original, const ChannelGroups& groups,
                         std::span<const std::vector<int32_t>> kept, const Samples& samples,
                         const ReconstructOptions& options, Graph& changed) {
  return Reconstruction(original, groups, kept, samples, options, changed).run();
}

}  // namespace linnet

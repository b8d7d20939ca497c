#include <utility>

#include "graph/op_def.h"
#include "passes/match.h"
#include "passes/passes.h"

namespace linnet {

namespace {

// The axis of the weights that counts output channels, and how many entries of it follow one another: for
// depthwise weights [kh,kw,C,M] channel c*M+m is the pair (c, m), the two inner axes taken together.
struct ChannelLayout {
  int64_t outer;
  int64_t channels;
  int64_t inner;
};

bool weights_layout(const Graph& graph, const Node& node, ChannelLayout* layout) {
  if (node.inputs.size() < 2) return false;
  const Value& weights = graph.value(node.inputs[1]);
  if (!weights.is_constant() || weights.dtype != DType::F32) return false;
  const Shape& shape = weights.shape;
  int first = shape.rank() - 1, last = shape.rank() - 1;
  switch (node.op) {
    case Op::conv2d:
      break;
    case Op::depthwise_conv2d:
      first = 2;
      break;
    case Op::conv2d_transpose:
      first = last = 2;
      break;
    case Op::matmul:
      if (shape.rank() != 2) return false;
      if (node.attrs.get_bool(Attr::transpose_b, false)) first = last = 0;
      break;
    default:
      return false;
  }
  *layout = {1, 1, 1};
  for (int i = 0; i < shape.rank(); ++i)
    (i < first ? layout->outer : i <= last ? layout->channels : layout->inner) *= shape[i];
  return true;
}

void scale_channels(Buffer& weights, const ChannelLayout& layout, const std::vector<float>& scale) {
  auto* at = reinterpret_cast<float*>(weights.data());
  for (int64_t o = 0; o < layout.outer; ++o)
    for (int64_t c = 0; c < layout.channels; ++c)
      for (int64_t i = 0; i < layout.inner; ++i) *at++ *= scale[static_cast<size_t>(c)];
}

// Weights that are scaled when they are read.
class Scaled final : public Tensor::Source {
 public:
  Scaled(Tensor weights, const ChannelLayout& layout, std::vector<float> scale)
      : Source(weights), weights_(std::move(weights)), layout_(layout), scale_(std::move(scale)) {}

  Result<Buffer> elements() const override {
    TRY_ASSIGN(Buffer buffer, Tensor(weights_).take());
    scale_channels(buffer, layout_, scale_);
    return buffer;
  }

 private:
  Tensor weights_;
  ChannelLayout layout_;
  std::vector<float> scale_;
};

// Weights `id` times `scale`: where they lie when one node uses them and nothing else holds them, so that all
// weights never stand in memory twice.
Result<ValueId> scaled(Graph& graph, ValueId id, const ChannelLayout& layout, const std::vector<float>& scale,
                       bool single_use) {
  Tensor weights = single_use ? std::exchange(graph.value(id).constant, {}) : graph.value(id).constant;
  const Shape shape = weights.shape();
  Tensor result;
  if (weights.can_wait()) {
    result = Tensor::lazy(DType::F32, shape, std::make_unique<Scaled>(std::move(weights), layout, scale));
  } else {
    TRY_ASSIGN(Buffer buffer, weights.take());
    scale_channels(buffer, layout, scale);
    result = Tensor(DType::F32, shape, std::move(buffer));
  }
  return graph.add_constant(graph.value(id).name + "/scaled", std::move(result));
}

// The bias of `node` as numbers: zeros where it has none; empty where it is not constant.
std::vector<float> bias_of(const Graph& graph, const Node& node, int64_t channels) {
  if (node.inputs.size() < 3) return std::vector<float>(static_cast<size_t>(channels));
  return channel_constant(graph, node.inputs[2], Shape{channels});
}

Result<void> set_bias(Graph& graph, NodeId id, const std::vector<float>& bias) {
  TRY_ASSIGN(Tensor tensor, Tensor::of_f32(Shape{static_cast<int64_t>(bias.size())}, bias));
  const ValueId value = graph.add_constant(graph.node(id).name + "/bias", std::move(tensor));
  std::vector<ValueId>& inputs = graph.node(id).inputs;
  inputs.resize(2);
  inputs.push_back(value);
  return {};
}

// Whether one use is all that constant `id` had before the pass.
bool is_used_once(ValueId id, const std::vector<uint32_t>& uses) {
  return id < uses.size() && uses[id] == 1;
}

// Moves `user`, an elementwise node over the result of node `id` and a constant, into that node.
Result<bool> fold(Graph& graph, NodeId id, const Node& user, const BinaryMatch& match,
                  const std::vector<uint32_t>& uses) {
  const Node& node = graph.node(id);
  const ValueId result = node.outputs[0];
  const Shape shape = graph.value(result).shape;
  const bool is_first = match.x == result;
  const ValueId other = is_first ? match.y : match.x;
  ChannelLayout layout;
  if (node.attrs.has(Attr::epilogue) || node.inputs.size() > 3 || !weights_layout(graph, node, &layout) ||
      !(graph.value(user.outputs[0]).shape == shape))
    return false;
  const std::vector<float> constant = channel_constant(graph, other, shape);
  std::vector<float> bias = bias_of(graph, node, layout.channels);
  if (static_cast<int64_t>(constant.size()) != layout.channels ||
      static_cast<int64_t>(bias.size()) != layout.channels)
    return false;
  switch (match.op) {
    case ExprOp::mul: {
      const ValueId unscaled = node.inputs[1];
      TRY_ASSIGN(const ValueId weights,
                 scaled(graph, unscaled, layout, constant, is_used_once(unscaled, uses)));
      const bool has_bias = graph.node(id).inputs.size() > 2;
      graph.node(id).inputs[1] = weights;
      for (size_t c = 0; c < bias.size(); ++c) bias[c] *= constant[c];
      if (has_bias) TRY(set_bias(graph, id, bias));
      break;
    }
    case ExprOp::add:
      for (size_t c = 0; c < bias.size(); ++c) bias[c] += constant[c];
      TRY(set_bias(graph, id, bias));
      break;
    case ExprOp::sub:
      if (!is_first) return false;
      for (size_t c = 0; c < bias.size(); ++c) bias[c] -= constant[c];
      TRY(set_bias(graph, id, bias));
      break;
    default:
      return false;
  }
  graph.replace_uses(user.outputs[0], result);
  if (is_used_once(other, uses)) graph.value(other).constant = {};
  return true;
}

}  // namespace

Result<int> fold_affine(Graph& graph) {
  int rewrites = 0;
  std::vector<uint32_t> uses = graph.use_counts();
  // In order, so that a chain of several folds from its head; a folded node's uses pass to its producer.
  for (NodeId id = 0; id < graph.node_count(); ++id) {
    const Node user = graph.node(id);
    const std::optional<BinaryMatch> match = match_binary(user);
    if (!match) continue;
    for (const ValueId operand : {match->x, match->y}) {
      const NodeId producer = graph.value(operand).producer;
      if (producer == kNone || !has_single_use(graph, producer, uses)) continue;
      TRY_ASSIGN(const bool folded, fold(graph, producer, user, *match, uses));
      if (!folded) continue;
      uses[operand] = uses[user.outputs[0]];
      uses[user.outputs[0]] = 0;
      ++rewrites;
      break;
    }
  }
  TRY(eliminate_dead_code(graph));
  graph.drop_unused_constants();
  return rewrites;
}

}  // namespace linnet

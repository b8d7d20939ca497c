#include "compress/backward.h"

#include <algorithm>
#include <map>

#include "compress/channel_groups.h"
#include "graph/op_def.h"

namespace linnet {

namespace {

using Row = Eigen::Map<Eigen::ArrayXf>;
using ConstRow = Eigen::Map<const Eigen::ArrayXf>;

bool is_depthwise_layer(const Graph& graph, const Node& node) {
  return node.op == Op::depthwise_conv2d && graph.value(node.inputs[1]).is_constant() &&
         graph.value(node.inputs[1]).shape[3] == 1 && !node.attrs.has(Attr::epilogue);
}

bool is_layer(const Graph& graph, const Node& node) {
  return product_weights(graph, node).weights != kNone || is_depthwise_layer(graph, node);
}

bool is_mean_over_image(const Graph& graph, const Node& node) {
  if (node.op != Op::reduce || node.attrs.get_string(Attr::mode, "") != "mean") return false;
  const Shape& input = graph.value(node.inputs[0]).shape;
  const Shape& output = graph.value(node.outputs[0]).shape;
  return input.rank() == 4 && input[0] == 1 && input.back() == output.back() &&
         output.elements() == output.back();
}

// Of a depthwise convolution: adds the derivatives by its weights [taps,channels], and by its input, where
// those are wanted.
void run_depthwise(const Patches& patches, const MatrixF& weights, const float* input, const float* arriving,
                   MatrixF* weights_gradient, float* dx) {
  const int64_t channels = weights.cols();
  for (int64_t row = 0; row < patches.rows(); ++row) {
    const ConstRow d(arriving + row * channels, channels);
    for (int tap = 0; tap < patches.taps(); ++tap) {
      const int64_t pixel = patches.pixel(row, tap);
      if (pixel < 0) continue;
      if (weights_gradient != nullptr)
        Row(weights_gradient->data() + tap * channels, channels) +=
            d * ConstRow(input + pixel * channels, channels);
      if (dx != nullptr)
        Row(dx + pixel * channels, channels) += d * ConstRow(weights.data() + tap * channels, channels);
    }
  }
}

void add_to(std::vector<float>& gradient, std::vector<float> more) {
  if (gradient.empty()) {
    gradient = std::move(more);
    return;
  }
  for (size_t i = 0; i < gradient.size(); ++i) gradient[i] += more[i];
}

}  // namespace

size_t Backward::place_of(ValueId value) {
  const auto at = std::ranges::find(values_, value);
  if (at != values_.end()) return static_cast<size_t>(at - values_.begin());
  values_.push_back(value);
  return values_.size() - 1;
}

Result<Backward::Step> Backward::step_for(const Graph& graph, NodeId id, bool trained) {
  const Node& node = graph.node(id);
  Step step;
  step.node = id;
  step.result = node.outputs[0];
  if (is_layer(graph, node)) {
    if (node.op == Op::depthwise_conv2d) step.kind = Kind::Depthwise;
    step.patches = std::make_shared<const Patches>(graph, node, INT64_MAX);
    if (trained) {
      step.layer = layers_.size();
      step.value = place_of(node.inputs[0]);
      layers_.push_back(id);
    } else {
      step.weights = patch_weights(graph, node).cast<float>();
    }
    return step;
  }
  if (is_mean_over_image(graph, node) || node.op == Op::reshape) {
    step.kind = node.op == Op::reshape ? Kind::Reshape : Kind::Mean;
    return step;
  }
  const Expr* expr = node.op == Op::elementwise ? node.attrs.get_expr(Attr::expr) : nullptr;
  const std::string text = expr == nullptr ? "" : expr->to_string();
  bool known = true;
  if (text == "relu($0)")
    step.kind = Kind::Relu;
  else if (text == "relu6($0)")
    step.kind = Kind::Relu6;
  else if (text == "add($0, $1)" || text == "add($1, $0)")
    step.kind = Kind::Add;
  else if (text == "relu(add($0, $1))" || text == "relu(add($1, $0))")
    step.kind = Kind::AddRelu;
  else
    known = false;
  for (ValueId input : node.inputs)
    known = known && graph.value(input).shape == graph.value(node.outputs[0]).shape;
  if (!known)
    return fail(ErrorCode::UnsupportedOp, "%s: its derivative is not known", describe(node).c_str());
  if (step.kind != Kind::Add) step.value = place_of(node.outputs[0]);
  return step;
}

Result<Backward> Backward::create(const Graph& graph, std::span<const ValueId> ends,
                                  const std::vector<bool>& trained) {
  Backward result;
  result.ends_.assign(ends.begin(), ends.end());
  // Values on which a trained layer has an influence.
  std::vector<bool> influenced(graph.value_count()), wanted(graph.value_count());
  for (NodeId id = 0; id < graph.node_count(); ++id) {
    const Node& node = graph.node(id);
    bool any = trained[id] && is_layer(graph, node);
    for (ValueId input : node.inputs) any = any || influenced[input];
    for (ValueId output : node.outputs) influenced[output] = any;
  }
  for (ValueId end : ends) wanted[end] = true;
  for (NodeId id = static_cast<NodeId>(graph.node_count()); id-- > 0;) {
    const Node& node = graph.node(id);
    if (!wanted[node.outputs[0]] || !influenced[node.outputs[0]]) continue;
    TRY_ASSIGN(Step step, result.step_for(graph, id, trained[id]));
    for (ValueId input : node.inputs) {
      if (!influenced[input]) continue;
      wanted[input] = true;
      step.inputs.push_back(input);
    }
    result.steps_.push_back(std::move(step));
  }
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Shape& shape = graph.value(id).shape;
    result.elements_.push_back(shape.elements());
    result.channels_.push_back(shape.rank() == 0 ? 1 : shape.back());
  }
  return result;
}

std::vector<LayerParameters> Backward::parameters(const Graph& graph) const {
  std::vector<LayerParameters> result;
  for (NodeId id : layers_)
    result.push_back(
        {patch_weights(graph, graph.node(id)).cast<float>(), bias_of(graph, graph.node(id)).cast<float>()});
  return result;
}

std::vector<LayerParameters> Backward::zero(std::span<const LayerParameters> like) {
  std::vector<LayerParameters> result;
  for (const LayerParameters& one : like)
    result.push_back(
        {MatrixF::Zero(one.weights.rows(), one.weights.cols()), Eigen::VectorXf::Zero(one.bias.size())});
  return result;
}

void Backward::run(std::span<const LayerParameters> layers, std::span<const TensorView> values,
                   std::vector<std::vector<float>> losses, std::span<LayerParameters> gradients) const {
  // Derivatives by values, as far as they are known.
  std::map<ValueId, std::vector<float>> flowing;
  for (size_t i = 0; i < ends_.size(); ++i) add_to(flowing[ends_[i]], std::move(losses[i]));
  std::vector<float> scratch;
  for (const Step& step : steps_) {
    const auto at = flowing.find(step.result);
    if (at == flowing.end()) continue;
    std::vector<float> arriving = std::move(at->second);
    flowing.erase(at);
    if (step.patches != nullptr) {
      const Patches& patches = *step.patches;
      const bool trained = step.layer != SIZE_MAX;
      const MatrixF& weights = trained ? layers[step.layer].weights : step.weights;
      LayerParameters* gradient = trained ? &gradients[step.layer] : nullptr;
      const float* input = trained ? values[step.value].as<float>() : nullptr;
      const Eigen::Map<const MatrixF> dy(arriving.data(), patches.rows(), weights.cols());
      if (trained) gradient->bias += dy.colwise().sum().transpose();
      std::vector<float>* dx = step.inputs.empty() ? nullptr : &flowing[step.inputs[0]];
      // A product that overwrites needs no zeros.
      const bool overwrites =
          dx != nullptr && dx->empty() && step.kind == Kind::Product && patches.is_whole_input();
      if (dx != nullptr && dx->empty()) dx->resize(static_cast<size_t>(elements_[step.inputs[0]]), 0.0f);
      if (step.kind == Kind::Depthwise) {
        run_depthwise(patches, weights, input, arriving.data(), trained ? &gradient->weights : nullptr,
                      dx == nullptr ? nullptr : dx->data());
        continue;
      }
      if (trained) {
        const Eigen::Map<const MatrixF> x(patches.extract(input, scratch), patches.rows(), patches.columns());
        gradient->weights.noalias() += x.transpose() * dy;
      }
      if (overwrites) {
        Eigen::Map<MatrixF>(dx->data(), patches.rows(), patches.columns()).noalias() =
            dy * weights.transpose();
      } else if (dx != nullptr) {
        const MatrixF patch = dy * weights.transpose();
        patches.scatter(patch.data(), dx->data());
      }
      continue;
    }
    if (step.kind == Kind::Mean) {
      const size_t channels = static_cast<size_t>(channels_[step.result]);
      std::vector<float> dx(static_cast<size_t>(elements_[step.inputs[0]]));
      const float part = static_cast<float>(channels) / static_cast<float>(dx.size());
      for (size_t i = 0; i < dx.size(); ++i) dx[i] = arriving[i % channels] * part;
      add_to(flowing[step.inputs[0]], std::move(dx));
      continue;
    }
    if (step.kind == Kind::Relu || step.kind == Kind::Relu6 || step.kind == Kind::AddRelu) {
      const float* y = values[step.value].as<float>();
      const float high = step.kind == Kind::Relu6 ? 6.0f : INFINITY;
      for (size_t i = 0; i < arriving.size(); ++i) arriving[i] = y[i] > 0 && y[i] < high ? arriving[i] : 0;
    }
    for (size_t i = 0; i + 1 < step.inputs.size(); ++i) add_to(flowing[step.inputs[i]], arriving);
    if (!step.inputs.empty()) add_to(flowing[step.inputs.back()], std::move(arriving));
  }
}

}  // namespace linnet

#include "compress/backward.h"

#include <algorithm>

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

std::vector<float>& gradient_of(std::map<ValueId, std::vector<float>>& gradients, const Graph& graph,
                                ValueId value) {
  std::vector<float>& gradient = gradients[value];
  if (gradient.empty()) gradient.assign(static_cast<size_t>(graph.value(value).shape.elements()), 0.0f);
  return gradient;
}

}  // namespace

size_t Backward::place_of(ValueId value) {
  const auto at = std::ranges::find(values_, value);
  if (at != values_.end()) return static_cast<size_t>(at - values_.begin());
  values_.push_back(value);
  return values_.size() - 1;
}

Result<Backward> Backward::create(const Graph& graph, ValueId end) {
  Backward result;
  result.end_ = end;
  // Values on which a layer has an influence.
  std::vector<bool> trained(graph.value_count()), wanted(graph.value_count());
  for (const Node& node : graph.nodes()) {
    bool any = product_weights(graph, node).weights != kNone || is_depthwise_layer(graph, node);
    for (ValueId input : node.inputs) any = any || trained[input];
    for (ValueId output : node.outputs) trained[output] = any;
  }
  wanted[end] = true;
  for (NodeId id = static_cast<NodeId>(graph.node_count()); id-- > 0;) {
    const Node& node = graph.node(id);
    if (!wanted[node.outputs[0]] || !trained[node.outputs[0]]) continue;
    Step step{id, Kind::Product};
    const bool layer = product_weights(graph, node).weights != kNone || is_depthwise_layer(graph, node);
    if (layer) {
      if (node.op == Op::depthwise_conv2d) step.kind = Kind::Depthwise;
      step.layer = result.layers_.size();
      step.input = result.place_of(node.inputs[0]);
      step.passes_on = trained[node.inputs[0]];
      result.layers_.push_back(id);
      result.patches_.emplace_back(graph, node, INT64_MAX);
    } else {
      const Expr* expr = node.op == Op::elementwise ? node.attrs.get_expr(Attr::expr) : nullptr;
      const std::string text = expr == nullptr ? "" : expr->to_string();
      const bool sum = text == "add($0, $1)" || text == "add($1, $0)";
      const bool relu_sum = text == "relu(add($0, $1))" || text == "relu(add($1, $0))";
      if (text == "relu($0)")
        step.kind = Kind::Relu;
      else if (text == "relu6($0)")
        step.kind = Kind::Relu6;
      else if (sum || relu_sum)
        step.kind = sum ? Kind::Add : Kind::AddRelu;
      else
        return fail(ErrorCode::UnsupportedOp, "%s: its derivative is not known", describe(node).c_str());
      for (ValueId input : node.inputs)
        if (!(graph.value(input).shape == graph.value(node.outputs[0]).shape))
          return fail(ErrorCode::UnsupportedOp, "%s: its derivative is not known", describe(node).c_str());
      if (step.kind != Kind::Add) step.input = result.place_of(node.outputs[0]);
    }
    for (size_t i = 0; i < (layer ? 1 : node.inputs.size()); ++i) wanted[node.inputs[i]] = true;
    result.steps_.push_back(step);
  }
  return result;
}

std::vector<LayerGradient> Backward::zero(const Graph& graph) const {
  std::vector<LayerGradient> gradients;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Node& node = graph.node(layers_[i]);
    const int32_t outputs = graph.value(node.outputs[0]).shape.back();
    const int rows = node.op == Op::depthwise_conv2d ? patches_[i].taps() : patches_[i].columns();
    gradients.push_back({MatrixF::Zero(rows, outputs), Eigen::VectorXf::Zero(outputs)});
  }
  return gradients;
}

void Backward::run(const Graph& graph, std::span<const TensorView> values, std::vector<float> loss,
                   std::span<LayerGradient> gradients) const {
  std::map<ValueId, std::vector<float>> flowing;
  flowing[end_] = std::move(loss);
  std::vector<float> scratch;
  for (const Step& step : steps_) {
    const Node& node = graph.node(step.node);
    std::vector<float> arriving = std::move(flowing[node.outputs[0]]);
    flowing.erase(node.outputs[0]);
    if (arriving.empty()) continue;
    if (step.kind == Kind::Product || step.kind == Kind::Depthwise) {
      LayerGradient& gradient = gradients[step.layer];
      const Patches& patches = patches_[step.layer];
      const int64_t rows = patches.rows(), outputs = gradient.bias.size();
      const float* input = values[step.input].as<float>();
      const Eigen::Map<const MatrixF> dy(arriving.data(), rows, outputs);
      gradient.bias += dy.colwise().sum().transpose();
      const MatrixF weights = patch_weights(graph, node).cast<float>();
      if (step.kind == Kind::Product) {
        const Eigen::Map<const MatrixF> x(patches.extract(input, scratch), rows, patches.columns());
        gradient.weights.noalias() += x.transpose() * dy;
        if (!step.passes_on) continue;
        const MatrixF dx = dy * weights.transpose();
        patches.scatter(dx.data(), gradient_of(flowing, graph, node.inputs[0]).data());
        continue;
      }
      float* dx = step.passes_on ? gradient_of(flowing, graph, node.inputs[0]).data() : nullptr;
      for (int64_t row = 0; row < rows; ++row) {
        const ConstRow d(arriving.data() + row * outputs, outputs);
        for (int tap = 0; tap < patches.taps(); ++tap) {
          const int64_t pixel = patches.pixel(row, tap);
          if (pixel < 0) continue;
          Row(gradient.weights.data() + tap * outputs, outputs) +=
              d * ConstRow(input + pixel * outputs, outputs);
          if (dx != nullptr)
            Row(dx + pixel * outputs, outputs) += d * ConstRow(weights.data() + tap * outputs, outputs);
        }
      }
      continue;
    }
    if (step.kind != Kind::Add) {
      const float* y = values[step.input].as<float>();
      const float high = step.kind == Kind::Relu6 ? 6.0f : INFINITY;
      for (size_t i = 0; i < arriving.size(); ++i) arriving[i] = y[i] > 0 && y[i] < high ? arriving[i] : 0;
    }
    for (ValueId value : node.inputs) {
      std::vector<float>& gradient = gradient_of(flowing, graph, value);
      for (size_t i = 0; i < gradient.size(); ++i) gradient[i] += arriving[i];
    }
  }
}

}  // namespace linnet

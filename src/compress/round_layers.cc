#include "compress/round_layers.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "compress/operands.h"
#include "compress/rounding.h"
#include "compress/window_moments.h"
#include "graph/quantization.h"

namespace linnet {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Windows of one layer, over all samples: more tell little that is new.
constexpr int64_t kWindows = 16'000;
// A deeper layer's matrix of moments would take too long; its weights are rounded to the nearest.
constexpr int64_t kMostDepth = 2400;

// By how much the inputs' moments are drawn towards their diagonal, in parts of it: with few images they hold
// much chance, and neighbouring windows of an image tell much the same.
double shrinkage(Index depth, size_t images, int64_t windows_of_image) {
  constexpr int64_t kTelling = 16;
  return 0.05 + static_cast<double>(depth) /
                    static_cast<double>(static_cast<int64_t>(images) * std::min(windows_of_image, kTelling));
}

RoundedWeights round_weights(const WindowMoments& moments, int64_t part, const MatrixXd& weights,
                             double shrink) {
  if (weights.rows() > kMostDepth) return round_to_nearest(weights);
  MatrixXd hessian = moments.covariance(part);
  const double mean = hessian.diagonal().mean();
  hessian.diagonal().array() += shrink * (hessian.diagonal().array() + 0.01 * mean) + 1e-12;
  return learn_rounding(hessian, weights);
}

// The input of a layer as codes and back.
void round_to_codes(std::span<float> values, const ValueRange& range) {
  const Quantization quantization = quantization_of(range.low, range.high);
  const float inverse = 1 / quantization.scale;
  for (float& value : values)
    value = static_cast<float>(to_code(value * inverse, {.zero_point = quantization.zero_point}) -
                               quantization.zero_point) *
            quantization.scale;
}

class LayerRounding {
 public:
  LayerRounding(Graph& graph, const Samples& samples, Judge& judge, int threads)
      : graph_(graph), samples_(samples), judge_(judge), threads_(threads) {}

  // What the layers read in the float model, before any is changed.
  Result<void> observe(const std::vector<NodeId>& layers) {
    Graph plain = graph_;
    plain.ranges.clear();
    std::vector<ValueId> inputs;
    for (const NodeId id : layers) {
      inputs.push_back(plain.node(id).inputs[0]);
      wanted_.emplace_back(plain, plain.node(id), false);
    }
    TRY_ASSIGN(ValueRunner runner, ValueRunner::create(plain, inputs, threads_));
    for (const Tensor& sample : samples_) {
      runner.run(sample);
      for (size_t i = 0; i < layers.size(); ++i) wanted_[i].add(runner.value(i).as<float>(), windows());
    }
    return {};
  }

  Result<void> fit_layer(NodeId id, size_t index) {
    const Node& node = graph_.node(id);
    const auto range = graph_.ranges.find(graph_.value(node.inputs[0]).name);
    if (range == graph_.ranges.end() || !graph_.ranges.contains(graph_.value(node.outputs[0]).name))
      return {};
    TRY_ASSIGN(ValueRunner runner, ValueRunner::create(graph_, {{node.inputs[0]}}, threads_));
    const bool pairs = weight_layout(graph_, node).depth <= kMostDepth;
    WindowMoments moments(graph_, node, pairs);
    for (const Tensor& sample : samples_) {
      runner.run(sample);
      const TensorView x = runner.value(0);
      round_to_codes({x.as<float>(), static_cast<size_t>(x.elements())}, range->second);
      moments.add(x.as<float>(), windows());
    }
    return store(id, moments, wanted_[index]);
  }

 private:
  int64_t windows() const { return std::max<int64_t>(kWindows / static_cast<int64_t>(samples_.size()), 1); }

  Result<void> store(NodeId id, const WindowMoments& moments, const WindowMoments& wanted) {
    const Node node = graph_.node(id);
    const WeightLayout layout = weight_layout(graph_, node);
    const Tensor source = graph_.value(node.inputs[1]).constant;
    TRY_ASSIGN(Tensor weights, Tensor::zeros(DType::F32, source.shape()));
    TRY_ASSIGN(Tensor bias, Tensor::zeros(DType::F32, Shape{layout.channels}));
    if (node.inputs.size() > 2)
      std::copy_n(graph_.value(node.inputs[2]).constant.as<float>(), layout.channels,
                  bias.mutable_as<float>());
    const int64_t channels = layout.channels / moments.parts();  // of a part
    const double shrink = shrinkage(layout.depth, samples_.size(), moments.windows());
    MatrixXd matrix(layout.depth, channels);
    for (int64_t part = 0; part < moments.parts(); ++part) {
      const int64_t first = part * channels;
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t k = 0; k < layout.depth; ++k)
          matrix(k, c) = static_cast<double>(source.as<float>()[layout.index(k, first + c)]);
      const Eigen::MatrixXf rounded = round_weights(moments, part, matrix, shrink).weights();
      // The mean of the results stays what it was in the float model.
      const VectorXd missing =
          matrix.transpose() * wanted.mean(part) - rounded.cast<double>().transpose() * moments.mean(part);
      for (int64_t c = 0; c < channels; ++c) {
        for (int64_t k = 0; k < layout.depth; ++k)
          weights.mutable_as<float>()[layout.index(k, first + c)] = rounded(k, c);
        bias.mutable_as<float>()[first + c] += static_cast<float>(missing[c]);
      }
    }
    set_operand(graph_, id, 1, node.name + "/weights", std::move(weights));
    TRY_ASSIGN(const double uncorrected, judge_.error_of(graph_));
    const Tensor before = node.inputs.size() > 2 ? graph_.value(node.inputs[2]).constant : Tensor();
    set_operand(graph_, id, 2, node.name + "/bias", std::move(bias));
    TRY_ASSIGN(const double corrected, judge_.error_of(graph_));
    // What a few elements beyond the range lack is no use to all others.
    if (corrected > uncorrected) {
      if (before.empty())
        graph_.node(id).inputs.resize(2);
      else
        set_operand(graph_, id, 2, node.name + "/bias", before);
    }
    graph_.drop_unused_constants();
    return {};
  }

  Graph& graph_;
  const Samples& samples_;
  Judge& judge_;
  int threads_;
  std::vector<WindowMoments> wanted_;
};

}  // namespace

std::vector<NodeId> quantizable_layers(const Graph& graph) {
  std::vector<NodeId> layers;
  for (NodeId id = 0; id < graph.node_count(); ++id)
    if (weights_are_quantizable(graph, graph.node(id))) layers.push_back(id);
  return layers;
}

Result<void> round_layers(Graph& graph, const Samples& samples, Judge& judge, int threads, const Tick& tick) {
  const std::vector<NodeId> layers = quantizable_layers(graph);
  LayerRounding rounding(graph, samples, judge, threads);
  TRY(rounding.observe(layers));
  for (size_t i = 0; i < layers.size(); ++i) {
    TRY(rounding.fit_layer(layers[i], i));
    if (tick) tick();
  }
  return {};
}

}  // namespace linnet

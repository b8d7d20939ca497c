#include "compress/distil.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <thread>

#include "compress/augment.h"
#include "compress/backward.h"
#include "compress/channel_order.h"
#include "passes/passes.h"
#include "runtime/compile.h"

namespace linnet {

namespace {

// Gradients are added up in so many parts, whatever the number of threads, so that sums have one order.
constexpr size_t kLanes = 4;
constexpr double kMeanDecay = 0.9, kSquareDecay = 0.99;

struct Layer {
  MatrixF weights, mean, square;
  Eigen::VectorXf bias, bias_mean, bias_square;
};

Result<std::unique_ptr<Session>> compile_values(const Graph& graph, std::span<const ValueId> values) {
  Graph part = graph;
  part.outputs.clear();
  for (ValueId id : values) part.outputs.push_back({graph.value(id).name, id});
  TRY(eliminate_dead_code(part));
  part.drop_unused_constants();
  return compile_cpu(std::move(part), {.threads = 1, .quantize = false}, nullptr);
}

class Distillation {
 public:
  Distillation(const Samples& samples, const DistilOptions& options, Graph& changed, Backward backward,
               ValueId end, std::vector<int32_t> channels)
      : samples_(samples),
        options_(options),
        changed_(changed),
        backward_(std::move(backward)),
        end_(end),
        channels_(std::move(channels)) {}

  Result<void> run(const Graph& original, ValueId original_end) {
    const size_t workers = std::clamp<size_t>(static_cast<size_t>(options_.threads), 1, kLanes);
    const ValueId wanted[] = {original_end};
    for (size_t i = 0; i < workers; ++i) {
      TRY_ASSIGN(teachers_.emplace_back(), compile_values(original, wanted));
    }
    measure_scale();
    if (scale_ == 0) return {};
    for (NodeId id : backward_.layers()) {
      Layer& layer = layers_.emplace_back();
      layer.weights = patch_weights(changed_, changed_.node(id)).cast<float>();
      layer.bias = bias_of(changed_, changed_.node(id)).cast<float>();
      layer.mean = layer.square = MatrixF::Zero(layer.weights.rows(), layer.weights.cols());
      layer.bias_mean = layer.bias_square = Eigen::VectorXf::Zero(layer.bias.size());
    }
    for (size_t step = 0; step < options_.steps; ++step) {
      TRY(take_step(step));
      if (options_.progress) options_.progress(step + 1, options_.steps);
    }
    return {};
  }

 private:
  // The loss is measured in squares of the original's features, on some samples.
  void measure_scale() {
    double total = 0;
    const size_t count = std::min<size_t>(samples_.size(), 16);
    for (size_t i = 0; i < count; ++i) {
      const std::vector<float> target = teach(0, samples_[i * samples_.size() / count].view());
      for (float t : target) total += static_cast<double>(t) * static_cast<double>(t);
    }
    scale_ = total > 0 ? static_cast<double>(count) / total : 0;
  }

  // What the original computes for an input: the features that are left.
  std::vector<float> teach(size_t worker, const TensorView& input) {
    Session& teacher = *teachers_[worker];
    std::memcpy(teacher.input(0).data, input.data, input.bytes());
    teacher.run();
    const TensorView features = teacher.output(0);
    const int32_t all = features.shape.back();
    std::vector<float> target;
    const float* data = features.as<float>();
    for (int64_t pixel = 0; pixel < features.elements() / all; ++pixel, data += all)
      for (int32_t channel : channels_) target.push_back(data[channel]);
    return target;
  }

  Result<void> take_step(size_t step) {
    std::vector<ValueId> wanted(backward_.values().begin(), backward_.values().end());
    wanted.push_back(end_);
    const size_t workers = teachers_.size();
    std::vector<std::unique_ptr<Session>> sessions;
    for (size_t i = 0; i < workers; ++i) {
      TRY_ASSIGN(sessions.emplace_back(), compile_values(changed_, wanted));
    }
    std::vector<std::vector<LayerGradient>> lanes(kLanes);
    const auto work = [&](size_t worker) {
      for (size_t lane = worker; lane < kLanes; lane += workers) {
        lanes[lane] = backward_.zero(changed_);
        for (size_t i = lane; i < options_.batch; i += kLanes)
          add_sample(worker, *sessions[worker], step * options_.batch + i, lanes[lane]);
      }
    };
    std::vector<std::thread> threads;
    for (size_t i = 1; i < workers; ++i) threads.emplace_back(work, i);
    work(0);
    for (std::thread& thread : threads) thread.join();
    for (size_t lane = 1; lane < kLanes; ++lane)
      for (size_t i = 0; i < layers_.size(); ++i) {
        lanes[0][i].weights += lanes[lane][i].weights;
        lanes[0][i].bias += lanes[lane][i].bias;
      }
    const double progress = static_cast<double>(step) / static_cast<double>(options_.steps);
    const double warm = std::min(1.0, static_cast<double>(step + 1) / 10);
    const double rate = options_.rate * warm * 0.5 * (1 + std::cos(std::numbers::pi * progress));
    for (size_t i = 0; i < layers_.size(); ++i) {
      update(layers_[i], lanes[0][i], rate, step + 1);
      TRY(set_patch_weights(changed_, backward_.layers()[i], layers_[i].weights.cast<double>(),
                            layers_[i].bias.cast<double>()));
    }
    changed_.drop_unused_constants();
    return {};
  }

  // `turn` counts samples from the first step on.
  void add_sample(size_t worker, Session& session, size_t turn, std::vector<LayerGradient>& gradients) {
    // A stride through the samples, prime to nearly all counts, so that a batch has no neighbours.
    const Tensor& sample = samples_[turn * 7919 % samples_.size()];
    const TensorView input = session.input(0);
    if (options_.augment)
      random_view(sample.view(), turn, input);
    else
      std::memcpy(input.data, sample.data(), sample.bytes());
    const std::vector<float> target = teach(worker, input);
    session.run();
    std::vector<TensorView> values;
    for (size_t i = 0; i < backward_.values().size(); ++i) values.push_back(session.output(i));
    const float* found = session.output(values.size()).as<float>();
    std::vector<float> loss(target.size());
    const float factor = static_cast<float>(2 * scale_ / static_cast<double>(options_.batch));
    for (size_t i = 0; i < loss.size(); ++i) loss[i] = factor * (found[i] - target[i]);
    backward_.run(changed_, values, std::move(loss), gradients);
  }

  // Adam, where the step of each output channel is a part of its weights' size: batch norms, folded in, gave
  // channels very different ones.
  static void update(Layer& layer, const LayerGradient& gradient, double rate, size_t step) {
    const float mean_part = static_cast<float>(1 - std::pow(kMeanDecay, static_cast<double>(step)));
    const float square_part = static_cast<float>(1 - std::pow(kSquareDecay, static_cast<double>(step)));
    const auto decay = [&](auto& mean, auto& square, const auto& g) {
      mean = static_cast<float>(kMeanDecay) * mean + static_cast<float>(1 - kMeanDecay) * g;
      square = static_cast<float>(kSquareDecay) * square +
               static_cast<float>(1 - kSquareDecay) * g.cwiseProduct(g);
    };
    decay(layer.mean, layer.square, gradient.weights);
    decay(layer.bias_mean, layer.bias_square, gradient.bias);
    const auto direction = [&](const auto& mean, const auto& square) {
      return (mean.array() / mean_part) / ((square.array() / square_part).sqrt() + 1e-20f);
    };
    const Eigen::ArrayXf size =
        (layer.weights.array().square().colwise().mean().sqrt() * static_cast<float>(rate)).transpose();
    MatrixF change = direction(layer.mean, layer.square).matrix();
    change.array().rowwise() *= size.transpose();
    layer.weights -= change;
    const float bias_size = std::sqrt(layer.bias.squaredNorm() / static_cast<float>(layer.bias.size())) *
                            static_cast<float>(rate);
    layer.bias -= bias_size * direction(layer.bias_mean, layer.bias_square).matrix();
  }

  const Samples& samples_;
  const DistilOptions& options_;
  Graph& changed_;
  Backward backward_;
  ValueId end_;
  std::vector<int32_t> channels_;  // of the original's features
  std::vector<std::unique_ptr<Session>> teachers_;
  std::vector<Layer> layers_;
  double scale_ = 1;
};

}  // namespace

Result<bool> distil(const Graph& original, const ChannelGroups& groups,
                    std::span<const std::vector<int32_t>> kept, const Samples& samples,
                    const DistilOptions& options, Graph& changed) {
  const NodeId last = last_product(original);
  if (last == kNone) return false;
  const ValueId end = averaged_value(original, original.node(last));
  const ValueId changed_end = averaged_value(changed, changed.node(last));
  auto backward = Backward::create(changed, changed_end);
  if (!backward) return false;
  if (backward->layers().empty()) return false;
  const std::vector<int32_t> channels =
      groups.kept_indices(original, end, original.value(end).shape.rank() - 1, kept);
  TRY(Distillation(samples, options, changed, std::move(*backward), changed_end, channels)
          .run(original, end));
  return true;
}

}  // namespace linnet

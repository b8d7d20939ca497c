#include "compress/distil.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numbers>
#include <thread>

#include "compress/augment.h"
#include "compress/backward.h"
#include "compress/channel_order.h"
#include "compress/resize_input.h"
#include "passes/passes.h"
#include "runtime/compile.h"

namespace linnet {

namespace {

// Gradients are added up in so many parts, whatever the number of threads, so that sums have one order.
constexpr size_t kLanes = 4;
constexpr double kMeanDecay = 0.9, kSquareDecay = 0.99;
constexpr double kWarmUpSteps = 10;
// Images of this side and more are shown at 5/7 of it, a multiple of 32.
constexpr int32_t kLargeSide = 160;

// A value that the changed model should have as the original does.
struct Target {
  ValueId original, changed;
  std::vector<int32_t> channels;  // of the original's that are left
  double weight;
  double scale = 0;  // the inverse of the original's squares
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
  Distillation(const Samples& samples, const DistilOptions& options, const Graph& original, Graph& changed,
               Backward backward, std::vector<Target> targets)
      : samples_(samples),
        options_(options),
        original_(original),
        changed_(changed),
        backward_(std::move(backward)),
        targets_(std::move(targets)) {}

  Result<void> run() {
    // Threads read them.
    for (ValueId id = 0; id < changed_.value_count(); ++id)
      if (changed_.value(id).is_constant()) TRY(changed_.value(id).constant.prepare());
    const size_t workers = std::clamp<size_t>(static_cast<size_t>(options_.threads), 1, kLanes);
    const Value& input = original_.value(original_.inputs[0].value);
    std::vector<ValueId> wanted;
    for (const Target& target : targets_) wanted.push_back(target.original);
    for (size_t i = 0; i < workers; ++i) {
      TRY_ASSIGN(teachers_.emplace_back(), compile_values(original_, wanted));
      TRY_ASSIGN(spare_.emplace_back(), Tensor::zeros(input.dtype, input.shape));
    }
    measure_scales();
    layers_ = backward_.parameters(changed_);
    mean_ = square_ = Backward::zero(layers_);
    for (size_t step = 0; step < options_.steps; ++step) {
      TRY(take_step(step));
      if (options_.progress) options_.progress(step + 1, options_.steps);
    }
    return {};
  }

 private:
  // Errors are measured in squares of what the original computes for some samples.
  void measure_scales() {
    std::vector<double> totals(targets_.size());
    const size_t count = std::min<size_t>(samples_.size(), 16);
    for (size_t i = 0; i < count; ++i) {
      show(i * samples_.size() / count, i, spare_[0].view());
      const auto lesson = teach(0, spare_[0].view());
      for (size_t t = 0; t < totals.size(); ++t)
        for (float value : lesson[t]) totals[t] += static_cast<double>(value) * static_cast<double>(value);
    }
    for (size_t t = 0; t < totals.size(); ++t)
      targets_[t].scale = totals[t] > 0 ? static_cast<double>(count) / totals[t] : 0;
  }

  // What the original computes for an input: of each target the channels that are left.
  std::vector<std::vector<float>> teach(size_t worker, const TensorView& input) {
    Session& teacher = *teachers_[worker];
    std::memcpy(teacher.input(0).data, input.data, input.bytes());
    teacher.run();
    std::vector<std::vector<float>> lesson(targets_.size());
    for (size_t t = 0; t < targets_.size(); ++t) {
      const TensorView value = teacher.output(t);
      const int32_t all = value.shape.back();
      lesson[t].reserve(static_cast<size_t>(value.elements()));
      const float* data = value.as<float>();
      for (int64_t pixel = 0; pixel < value.elements() / all; ++pixel, data += all)
        for (int32_t channel : targets_[t].channels) lesson[t].push_back(data[channel]);
    }
    return lesson;
  }

  Result<void> take_step(size_t step) {
    std::vector<ValueId> wanted(backward_.values().begin(), backward_.values().end());
    for (const Target& target : targets_) wanted.push_back(target.changed);
    const size_t workers = teachers_.size();
    std::vector<std::unique_ptr<Session>> sessions;
    for (size_t i = 0; i < workers; ++i) {
      TRY_ASSIGN(sessions.emplace_back(), compile_values(changed_, wanted));
    }
    std::vector<std::vector<LayerParameters>> lanes(kLanes);
    const auto work = [&](size_t worker) {
      for (size_t lane = worker; lane < kLanes; lane += workers) {
        lanes[lane] = Backward::zero(layers_);
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
    const double warm = std::min(1.0, static_cast<double>(step + 1) / kWarmUpSteps);
    const double rate = options_.rate * warm * 0.5 * (1 + std::cos(std::numbers::pi * progress));
    for (size_t i = 0; i < layers_.size(); ++i) {
      update(i, lanes[0][i], rate, step + 1);
      TRY(set_patch_weights(changed_, backward_.layers()[i], layers_[i].weights.cast<double>(),
                            layers_[i].bias.cast<double>()));
    }
    changed_.drop_unused_constants();
    return {};
  }

  void show(size_t turn, uint64_t seed, const TensorView& view) const {
    // A stride through the samples, prime to nearly all counts, so that a batch has no neighbours.
    const Tensor& sample = samples_[turn * 7919 % samples_.size()];
    if (options_.augment)
      random_view(sample.view(), seed, view);
    else
      std::memcpy(view.data, sample.data(), sample.bytes());
  }

  // `turn` counts samples from the first step on.
  void add_sample(size_t worker, Session& session, size_t turn, std::vector<LayerParameters>& gradients) {
    const TensorView input = session.input(0);
    show(turn, 2 * turn, input);
    if (options_.augment && takes_patch(turn)) {
      const TensorView other = spare_[worker].view();
      // Past neighbours in turn, and other ones each time that a sample comes.
      show(turn + 1 + turn / samples_.size() % samples_.size(), 2 * turn + 1, other);
      paste_random_patch(other, turn, input);
    }
    const std::vector<std::vector<float>> lesson = teach(worker, input);
    session.run();
    std::vector<TensorView> values;
    for (size_t i = 0; i < backward_.values().size(); ++i) values.push_back(session.output(i));
    std::vector<std::vector<float>> losses(targets_.size());
    for (size_t t = 0; t < targets_.size(); ++t) {
      const Target& target = targets_[t];
      const float* found = session.output(values.size() + t).as<float>();
      losses[t].resize(lesson[t].size());
      const float factor =
          static_cast<float>(2 * target.scale * target.weight / static_cast<double>(options_.batch));
      for (size_t i = 0; i < losses[t].size(); ++i) losses[t][i] = factor * (found[i] - lesson[t][i]);
    }
    backward_.run(layers_, values, std::move(losses), gradients);
  }

  // Adam, where the step of each output channel is a part of its weights' size: batch norms, folded in, gave
  // channels very different ones.
  void update(size_t index, const LayerParameters& gradient, double rate, size_t step) {
    LayerParameters& layer = layers_[index];
    LayerParameters &mean = mean_[index], &square = square_[index];
    const float mean_part = static_cast<float>(1 - std::pow(kMeanDecay, static_cast<double>(step)));
    const float square_part = static_cast<float>(1 - std::pow(kSquareDecay, static_cast<double>(step)));
    const auto decay = [](auto& first, auto& second, const auto& g) {
      first = static_cast<float>(kMeanDecay) * first + static_cast<float>(1 - kMeanDecay) * g;
      second = static_cast<float>(kSquareDecay) * second +
               static_cast<float>(1 - kSquareDecay) * g.cwiseProduct(g);
    };
    decay(mean.weights, square.weights, gradient.weights);
    decay(mean.bias, square.bias, gradient.bias);
    const auto direction = [&](const auto& first, const auto& second) {
      return (first.array() / mean_part) / ((second.array() / square_part).sqrt() + 1e-20f);
    };
    const Eigen::ArrayXf size =
        (layer.weights.array().square().colwise().mean().sqrt() * static_cast<float>(rate)).transpose();
    MatrixF change = direction(mean.weights, square.weights).matrix();
    change.array().rowwise() *= size.transpose();
    layer.weights -= change;
    const float bias_size = std::sqrt(layer.bias.squaredNorm() / static_cast<float>(layer.bias.size())) *
                            static_cast<float>(rate);
    layer.bias -= bias_size * direction(mean.bias, square.bias).matrix();
  }

  const Samples& samples_;
  const DistilOptions& options_;
  const Graph& original_;
  Graph& changed_;
  Backward backward_;
  std::vector<Target> targets_;
  std::vector<std::unique_ptr<Session>> teachers_;
  std::vector<Tensor> spare_;  // an image for each worker
  std::vector<LayerParameters> layers_, mean_, square_;
};

// Did the node lose inputs or outputs?
bool lost_channels(const Graph& original, const Graph& changed, NodeId id) {
  const Node& node = original.node(id);
  return node.inputs.size() > 1 &&
         !(original.value(node.inputs[1]).shape == changed.value(changed.node(id).inputs[1]).shape);
}

// The features, and the results of the products that lost inputs, after a sum with what lies beside them.
std::vector<Target> find_targets(const Graph& original, const Graph& changed, const ChannelGroups& groups,
                                 std::span<const std::vector<int32_t>> kept, NodeId last,
                                 const DistilOptions& options) {
  std::vector<Target> targets;
  const auto add = [&](ValueId was, ValueId now, double weight) {
    if (weight <= 0 || std::ranges::find(targets, was, &Target::original) != targets.end()) return;
    targets.push_back(
        {was, now, groups.kept_indices(original, was, original.value(was).shape.rank() - 1, kept), weight});
  };
  add(averaged_value(original, original.node(last)), averaged_value(changed, changed.node(last)), 1);
  for (NodeId id = 0; id < last; ++id) {
    const ProductWeights was = product_weights(original, original.node(id));
    if (was.weights == kNone || was.inputs == product_weights(changed, changed.node(id)).inputs) continue;
    const ValueId result = original.node(id).outputs[0];
    NodeId at = id;
    int users = 0;
    for (NodeId user = 0; user < original.node_count(); ++user)
      for (ValueId input : original.node(user).inputs)
        if (input == result) {
          ++users;
          if (original.node(user).op == Op::elementwise && original.node(user).inputs.size() == 2) at = user;
        }
    if (users != 1) at = id;
    add(original.node(at).outputs[0], changed.node(at).outputs[0], options.within);
  }
  return targets;
}

// Both models for smaller images, where the samples are large images that are shown another way each time.
Result<void> reduce_image(const DistilOptions& options, Graph& original, Graph& changed) {
  const Shape& shape = original.value(original.inputs[0].value).shape;
  if (!options.augment || std::min(shape[1], shape[2]) < kLargeSide) return {};
  const auto reduced = [](int32_t side) { return side * 5 / 7 / 32 * 32; };
  const int32_t height = reduced(shape[1]), width = reduced(shape[2]);
  TRY_ASSIGN(original, resize_input(original, height, width));
  TRY_ASSIGN(changed, resize_input(changed, height, width));
  return {};
}

}  // namespace

Result<bool> distil(const Graph& original, std::span<const std::vector<int32_t>> kept, const Samples& samples,
                    const DistilOptions& options, Graph& changed) {
  const NodeId last = last_product(original);
  if (last == kNone) return false;
  Graph teacher = original, student = changed;
  if (!reduce_image(options, teacher, student)) {
    teacher = original;
    student = changed;
  }
  const ChannelGroups groups = ChannelGroups::find(teacher);
  std::vector<bool> trained(student.node_count());
  for (NodeId id = 0; id < last; ++id) trained[id] = lost_channels(teacher, student, id);
  const std::vector<Target> targets = find_targets(teacher, student, groups, kept, last, options);
  std::vector<ValueId> ends;
  for (const Target& target : targets) ends.push_back(target.changed);
  auto backward = Backward::create(student, ends, trained);
  if (!backward || backward->layers().empty()) return false;
  const std::vector<NodeId> layers(backward->layers().begin(), backward->layers().end());
  TRY(Distillation(samples, options, teacher, student, std::move(*backward), targets).run());
  for (NodeId id : layers)
    TRY(set_patch_weights(changed, id, patch_weights(student, student.node(id)),
                          bias_of(student, student.node(id))));
  changed.drop_unused_constants();
  return true;
}

}  // namespace linnet

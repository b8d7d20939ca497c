#include "compress/channel_groups.h"

#include <algorithm>
#include <numeric>

#include "graph/op_def.h"

namespace linnet {

ProductWeights product_weights(const Graph& graph, const Node& node) {
  ProductWeights result;
  if ((node.op != Op::conv2d && node.op != Op::matmul) || node.attrs.has(Attr::epilogue)) return result;
  const Value& weights = graph.value(node.inputs[1]);
  if (!weights.is_constant() || weights.dtype != DType::F32 || graph.value(node.inputs[0]).is_constant())
    return result;
  const bool has_bias = node.inputs.size() > 2;
  if (has_bias && !graph.value(node.inputs[2]).is_constant()) return result;
  if (node.op == Op::matmul) {
    if (weights.shape.rank() != 2 || node.attrs.get_bool(Attr::transpose_a, false)) return result;
    const bool transposed = node.attrs.get_bool(Attr::transpose_b, false);
    result.input_axis = transposed ? 1 : 0;
    result.output_axis = transposed ? 0 : 1;
  } else {
    result.taps = weights.shape[0] * weights.shape[1];
    result.input_axis = 2;
    result.output_axis = 3;
  }
  result.weights = node.inputs[1];
  if (has_bias) result.bias = node.inputs[2];
  result.inputs = weights.shape[result.input_axis];
  result.outputs = weights.shape[result.output_axis];
  return result;
}

// Follows channels through the graph, joining spaces in a union-find.
class ChannelTracer {
 public:
  explicit ChannelTracer(const Graph& graph) : graph_(graph) {}

  ChannelGroups run() {
    for (const GraphPort& port : graph_.inputs) freeze(of(port.value, last_axis(port.value)));
    for (const Node& node : graph_.nodes()) trace(node);
    for (const GraphPort& port : graph_.outputs)
      for (int axis = 0; axis < graph_.value(port.value).shape.rank(); ++axis)
        if (const auto it = layouts_.find({port.value, axis}); it != layouts_.end()) freeze(it->second);
    freeze_shared_weights();
    return collect();
  }

 private:
  int last_axis(ValueId id) const { return graph_.value(id).shape.rank() - 1; }

  uint32_t new_space(int32_t size, bool frozen) {
    parent_.push_back(static_cast<uint32_t>(parent_.size()));
    size_.push_back(size);
    frozen_.push_back(frozen);
    return parent_.back();
  }
  uint32_t root(uint32_t space) {
    while (parent_[space] != space) space = parent_[space] = parent_[parent_[space]];
    return space;
  }
  void freeze(const ChannelLayout& layout) {
    for (uint32_t space : layout.spaces) frozen_[root(space)] = true;
  }
  int32_t block(const ChannelLayout& layout) {
    int32_t size = 0;
    for (uint32_t space : layout.spaces) size += size_[space];
    return size;
  }
  void unite(const ChannelLayout& a, const ChannelLayout& b) {
    const auto same_size = [&](uint32_t x, uint32_t y) { return size_[x] == size_[y]; };
    if (a.repeat != b.repeat || !std::ranges::equal(a.spaces, b.spaces, same_size)) {
      freeze(a);
      freeze(b);
      return;
    }
    for (size_t i = 0; i < a.spaces.size(); ++i) {
      const uint32_t x = root(a.spaces[i]), y = root(b.spaces[i]);
      if (x == y) continue;
      parent_[std::max(x, y)] = std::min(x, y);
      frozen_[std::min(x, y)] = frozen_[x] || frozen_[y];
    }
  }

  // The layout of an axis; a frozen space of its own where nothing is known about it.
  ChannelLayout of(ValueId id, int axis) {
    if (axis < 0) return {};
    const auto it = layouts_.find({id, axis});
    if (it != layouts_.end()) return it->second;
    const ChannelLayout layout{{new_space(graph_.value(id).shape[axis], true)}, 1};
    layouts_[{id, axis}] = layout;
    return layout;
  }
  void set(ValueId id, int axis, const ChannelLayout& layout) {
    const auto [it, fresh] = layouts_.try_emplace({id, axis}, layout);
    if (!fresh) unite(it->second, layout);
  }
  ChannelLayout input(const Node& node, size_t i = 0) {
    return of(node.inputs[i], last_axis(node.inputs[i]));
  }
  void set_output(const Node& node, const ChannelLayout& layout) {
    set(node.outputs[0], last_axis(node.outputs[0]), layout);
  }
  void freeze_node(const Node& node) {
    for (ValueId id : node.inputs)
      for (int axis = 0; axis < graph_.value(id).shape.rank(); ++axis)
        if (!graph_.value(id).is_constant() || layouts_.contains({id, axis})) freeze(of(id, axis));
    for (ValueId id : node.outputs) of(id, last_axis(id));
  }

  void trace(const Node& node) {
    switch (node.op) {
      case Op::conv2d:
      case Op::matmul: {
        const ProductWeights weights = product_weights(graph_, node);
        if (weights.weights == kNone) return freeze_node(node);
        set(weights.weights, weights.input_axis, input(node));
        return trace_output(node, weights.weights, weights.output_axis, weights.bias);
      }
      case Op::conv2d_transpose: {
        if (!graph_.value(node.inputs[1]).is_constant()) return freeze_node(node);
        // Read by taps that differ between pixels: no consumer whose weights could be solved for.
        freeze(input(node));
        return trace_output(node, node.inputs[1], 2, node.inputs.size() > 2 ? node.inputs[2] : kNone);
      }
      case Op::depthwise_conv2d: {
        const Value& weights = graph_.value(node.inputs[1]);
        if (!weights.is_constant() || weights.shape[3] != 1) return freeze_node(node);
        const ChannelLayout channels = input(node);
        set(node.inputs[1], 2, channels);
        if (node.inputs.size() > 2) set(node.inputs[2], 0, channels);
        return set_output(node, channels);
      }
      case Op::elementwise:
        return trace_elementwise(node);
      case Op::avg_pool:
      case Op::max_pool:
      case Op::resize_bilinear:
      case Op::identity:
        return set_output(node, input(node));
      case Op::pad: {
        const auto pads = node.attrs.get_ints(Attr::pads);
        if (pads.empty() || pads[pads.size() - 1] != 0 || pads[pads.size() - 2] != 0) break;
        return set_output(node, input(node));
      }
      case Op::reduce: {
        const auto axes = node.attrs.get_ints(Attr::axes);
        if (axes.empty() || axes.back() == last_axis(node.inputs[0])) break;
        return set_output(node, input(node));
      }
      case Op::concat:
        return trace_concat(node);
      case Op::reshape: {
        const ChannelLayout channels = input(node);
        const int axis = last_axis(node.outputs[0]);
        const int32_t size = axis < 0 ? 0 : graph_.value(node.outputs[0]).shape[axis];
        const int32_t one = block(channels);
        if (one == 0 || size == 0 || size % one != 0) break;
        return set_output(node, {channels.spaces, size / one});
      }
      case Op::slice: {
        const int axis = last_axis(node.inputs[0]);
        if (axis < 0 || graph_.value(node.inputs[0]).shape[axis] != graph_.value(node.outputs[0]).shape[axis])
          break;
        return set_output(node, input(node));
      }
      case Op::transpose: {
        const auto perm = node.attrs.get_ints(Attr::perm);
        if (perm.empty() || perm.back() != last_axis(node.inputs[0])) break;
        return set_output(node, input(node));
      }
      default:
        break;
    }
    freeze_node(node);
  }

  // A fresh space, which the node's weights and bias produce.
  void trace_output(const Node& node, ValueId weights, int axis, ValueId bias) {
    const ChannelLayout out{{new_space(graph_.value(weights).shape[axis], false)}, 1};
    set(weights, axis, out);
    if (bias != kNone) set(bias, 0, out);
    set_output(node, out);
  }

  void trace_elementwise(const Node& node) {
    const int axis = last_axis(node.outputs[0]);
    if (axis < 0) return freeze_node(node);
    const int32_t channels = graph_.value(node.outputs[0]).shape[axis];
    const auto is_full = [&](ValueId id) {
      return last_axis(id) >= 0 && graph_.value(id).shape.back() == channels;
    };
    const auto carrier = std::ranges::find_if(
        node.inputs, [&](ValueId id) { return !graph_.value(id).is_constant() && is_full(id); });
    if (channels < 2 || carrier == node.inputs.end()) return freeze_node(node);
    const ChannelLayout layout = of(*carrier, last_axis(*carrier));
    for (ValueId id : node.inputs)
      if (is_full(id)) {
        if (!graph_.value(id).is_constant()) of(id, last_axis(id));
        set(id, last_axis(id), layout);
      }
    set_output(node, layout);
  }

  void trace_concat(const Node& node) {
    if (node.attrs.get_int(Attr::axis, 0) != last_axis(node.outputs[0])) {
      const ChannelLayout layout = input(node);
      for (ValueId id : node.inputs) {
        of(id, last_axis(id));
        set(id, last_axis(id), layout);
      }
      return set_output(node, layout);
    }
    ChannelLayout joined;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ChannelLayout part = input(node, i);
      if (part.repeat != 1) return freeze_node(node);
      joined.spaces.insert(joined.spaces.end(), part.spaces.begin(), part.spaces.end());
    }
    set_output(node, joined);
  }

  // Weights are solved for one node at a time.
  void freeze_shared_weights() {
    const std::vector<uint32_t> uses = graph_.use_counts();
    for (const auto& [key, layout] : layouts_) {
      const bool matrix = graph_.value(key.first).shape.rank() > 1;
      if (graph_.value(key.first).is_constant() && matrix && uses[key.first] > 1) freeze(layout);
    }
  }

  ChannelGroups collect() {
    ChannelGroups result;
    std::map<uint32_t, int32_t> group_of_root;
    result.space_group_.assign(parent_.size(), -1);
    const auto group_of = [&](uint32_t space) -> int32_t {
      const uint32_t r = root(space);
      if (frozen_[r] || size_[r] < 2) return -1;
      const auto [it, fresh] = group_of_root.try_emplace(r, static_cast<int32_t>(result.groups_.size()));
      if (fresh) {
        result.groups_.emplace_back();
        result.groups_.back().channels = size_[r];
      }
      return it->second;
    };
    for (NodeId id = 0; id < graph_.node_count(); ++id) collect_node(id, group_of, result.groups_);
    // Groups without one end: their spaces keep all channels.
    std::vector<int32_t> renumbered(result.groups_.size(), -1);
    std::vector<ChannelGroup> whole;
    for (size_t g = 0; g < result.groups_.size(); ++g) {
      if (result.groups_[g].producers.empty() || result.groups_[g].consumers.empty()) continue;
      renumbered[g] = static_cast<int32_t>(whole.size());
      whole.push_back(std::move(result.groups_[g]));
    }
    for (uint32_t space = 0; space < parent_.size(); ++space) {
      const auto it = group_of_root.find(root(space));
      if (it != group_of_root.end()) result.space_group_[space] = renumbered[static_cast<size_t>(it->second)];
    }
    result.groups_ = std::move(whole);
    result.layouts_ = std::move(layouts_);
    result.space_size_ = size_;
    return result;
  }

  template <class GroupOf>
  void collect_node(NodeId id, GroupOf group_of, std::vector<ChannelGroup>& groups) {
    const Node& node = graph_.node(id);
    if (node.op == Op::conv2d_transpose) {
      const auto it = layouts_.find({node.inputs[1], 2});
      if (it == layouts_.end()) return;
      const int32_t g = group_of(it->second.spaces[0]);
      if (g >= 0) groups[static_cast<size_t>(g)].producers.push_back(id);
    }
    const ProductWeights weights = product_weights(graph_, node);
    if (weights.weights == kNone) return;
    const ChannelLayout& in = layouts_.at({weights.weights, weights.input_axis});
    std::map<int32_t, ChannelConsumer> consumers;
    int32_t offset = 0;
    for (int32_t copy = 0; copy < in.repeat; ++copy)
      for (uint32_t space : in.spaces) {
        const int32_t g = group_of(space);
        if (g >= 0) {
          ChannelConsumer& consumer = consumers[g];
          consumer.node = id;
          consumer.rows.resize(static_cast<size_t>(size_[space]));
          for (int32_t tap = 0; tap < weights.taps; ++tap)
            for (int32_t c = 0; c < size_[space]; ++c)
              consumer.rows[static_cast<size_t>(c)].push_back(tap * weights.inputs + offset + c);
        }
        offset += size_[space];
      }
    for (auto& [g, consumer] : consumers)
      groups[static_cast<size_t>(g)].consumers.push_back(std::move(consumer));
    const int32_t g = group_of(layouts_.at({weights.weights, weights.output_axis}).spaces[0]);
    if (g >= 0) groups[static_cast<size_t>(g)].producers.push_back(id);
  }

  const Graph& graph_;
  std::vector<uint32_t> parent_;
  std::vector<int32_t> size_;
  std::vector<bool> frozen_;
  std::map<std::pair<ValueId, int>, ChannelLayout> layouts_;
};

ChannelGroups ChannelGroups::find(const Graph& graph) {
  return ChannelTracer(graph).run();
}

const ChannelLayout* ChannelGroups::layout(ValueId value, int axis) const {
  const auto it = layouts_.find({value, axis});
  return it == layouts_.end() ? nullptr : &it->second;
}

std::vector<int32_t> ChannelGroups::kept_indices(const Graph& graph, ValueId value, int axis,
                                                 std::span<const std::vector<int32_t>> kept) const {
  std::vector<int32_t> indices;
  const ChannelLayout* channels = layout(value, axis);
  if (channels == nullptr) {
    indices.resize(static_cast<size_t>(graph.value(value).shape[axis]));
    std::iota(indices.begin(), indices.end(), 0);
    return indices;
  }
  int32_t offset = 0;
  for (int32_t copy = 0; copy < channels->repeat; ++copy)
    for (uint32_t space : channels->spaces) {
      const int32_t group = space_group_[space];
      if (group < 0) {
        for (int32_t c = 0; c < space_size_[space]; ++c) indices.push_back(offset + c);
      } else {
        for (int32_t c : kept[static_cast<size_t>(group)]) indices.push_back(offset + c);
      }
      offset += space_size_[space];
    }
  return indices;
}

int64_t ChannelGroups::kept_count(const Graph& graph, ValueId value, int axis,
                                  std::span<const int32_t> kept) const {
  const ChannelLayout* channels = layout(value, axis);
  if (channels == nullptr) return graph.value(value).shape[axis];
  int64_t count = 0;
  for (uint32_t space : channels->spaces) {
    const int32_t group = space_group_[space];
    count += group < 0 ? space_size_[space] : kept[static_cast<size_t>(group)];
  }
  return count * channels->repeat;
}

int64_t ChannelGroups::macs(const Graph& graph, std::span<const int32_t> kept) const {
  double total = 0;
  for (const Node& node : graph.nodes()) {
    double macs = static_cast<double>(node_macs(graph, node));
    if (macs == 0) continue;
    // Each op's cost is a product of the dimensions of its weights.
    const auto scale = [&](ValueId value, int axis) {
      macs *= static_cast<double>(kept_count(graph, value, axis, kept)) /
              static_cast<double>(graph.value(value).shape[axis]);
    };
    if (const ProductWeights weights = product_weights(graph, node); weights.weights != kNone) {
      scale(weights.weights, weights.input_axis);
      scale(weights.weights, weights.output_axis);
    } else if (node.op == Op::depthwise_conv2d || node.op == Op::conv2d_transpose) {
      scale(node.inputs[1], 2);
      if (node.op == Op::conv2d_transpose) scale(node.inputs[1], 3);
    }
    total += macs;
  }
  return static_cast<int64_t>(total + 0.5);
}

}  // namespace linnet

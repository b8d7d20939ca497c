#include "plan/storage.h"

#include <algorithm>

#include "base/buffer.h"
#include "graph/op_def.h"

namespace linnet {

namespace {

bool is_view(const Node& node) {
  return (op_def(node.op).traits & kTraitView) != 0;
}

uint64_t bytes_of(const Value& value) {
  return static_cast<uint64_t>(value.shape.elements()) * dtype_size(value.dtype);
}

// What the value's buffer needs at least.
uint64_t buffer_bytes(const Value& value) {
  return bytes_of(value) + (value.dtype == DType::I8 ? kReadSlack : 0);
}

class Assigner {
 public:
  Assigner(const Graph& graph, const CanOverwrite& can_overwrite, std::span<const FusedNodes> fused)
      : graph_(graph), can_overwrite_(can_overwrite), fused_(fused) {
    storage_.buffer_of.assign(graph.value_count(), kNone);
    fused_with_.assign(graph.node_count(), kNone);
    for (uint32_t i = 0; i < fused.size(); ++i)
      for (NodeId id : fused[i]) fused_with_[id] = i;
    find_last_uses();
  }

  Storage run() {
    for (const GraphPort& port : graph_.inputs) add_buffer(port.value, 0);
    for (uint32_t step = 0; step < graph_.node_count(); ++step) {
      const Node& node = graph_.node(step);
      if (step_of(step) != step) continue;
      if (is_view(node)) {
        storage_.buffer_of[node.outputs[0]] = storage_.buffer_of[node.inputs[0]];
        continue;
      }
      for (size_t i = 0; i < node.outputs.size(); ++i) {
        const uint32_t taken = i == 0 ? overwritten_buffer(node, step) : kNone;
        if (taken == kNone)
          add_buffer(node.outputs[i], step);
        else
          take_over(node.outputs[i], taken);
      }
    }
    return std::move(storage_);
  }

 private:
  // When a node runs.
  uint32_t step_of(NodeId id) const { return fused_with_[id] == kNone ? id : fused_[fused_with_[id]].back(); }

  // The last step that reads a value, by its root; the end for outputs.
  void find_last_uses() {
    last_use_.assign(graph_.value_count(), 0);
    is_output_.assign(graph_.value_count(), false);
    const uint32_t end = static_cast<uint32_t>(graph_.node_count());
    for (NodeId id = 0; id < end; ++id) {
      const Node& node = graph_.node(id);
      for (const std::vector<ValueId>* values : {&node.inputs, &node.outputs})
        for (ValueId value : *values) {
          uint32_t& last = last_use_[view_root(graph_, value)];
          last = std::max(last, step_of(id));
        }
    }
    for (const GraphPort& port : graph_.outputs) {
      last_use_[view_root(graph_, port.value)] = end;
      is_output_[view_root(graph_, port.value)] = true;
    }
  }

  void add_buffer(ValueId id, uint32_t step) {
    storage_.buffer_of[id] = static_cast<uint32_t>(storage_.buffers.size());
    storage_.buffers.push_back(
        {align_up(std::max<uint64_t>(buffer_bytes(graph_.value(id)), 1), kTensorAlignment), step,
         last_use_[id]});
  }

  void take_over(ValueId id, uint32_t buffer) {
    storage_.buffer_of[id] = buffer;
    storage_.buffers[buffer].last = std::max(storage_.buffers[buffer].last, last_use_[id]);
  }

  uint32_t overwritten_buffer(const Node& node, uint32_t step) {
    const Value& result = graph_.value(node.outputs[0]);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Value& operand = graph_.value(node.inputs[i]);
      const ValueId root = view_root(graph_, node.inputs[i]);
      const uint32_t buffer = storage_.buffer_of[root];
      if (operand.is_constant() || buffer == kNone || storage_.buffers[buffer].last != step) continue;
      if (last_use_[root] != step || is_output_[root] || operand.dtype != result.dtype ||
          bytes_of(operand) != bytes_of(result))
        continue;
      // Another operand that is a view of the same bytes would be overwritten with it.
      if (operands_in(buffer, step) == 1 && can_overwrite_(graph_, node, i)) return buffer;
    }
    return kNone;
  }

  // How many operands of what runs at `step` lie in `buffer`.
  size_t operands_in(uint32_t buffer, uint32_t step) const {
    const FusedNodes alone{step};
    size_t count = 0;
    for (NodeId id : fused_with_[step] == kNone ? alone : fused_[fused_with_[step]])
      for (ValueId input : graph_.node(id).inputs)
        count += storage_.buffer_of[view_root(graph_, input)] == buffer ? 1 : 0;
    return count;
  }

  const Graph& graph_;
  const CanOverwrite& can_overwrite_;
  std::span<const FusedNodes> fused_;
  std::vector<uint32_t> fused_with_;  // for each node, its place in fused_
  Storage storage_;
  std::vector<uint32_t> last_use_;
  std::vector<bool> is_output_;
};

}  // namespace

ValueId view_root(const Graph& graph, ValueId id) {
  for (NodeId producer = graph.value(id).producer; producer != kNone && is_view(graph.node(producer));
       producer = graph.value(id).producer)
    id = graph.node(producer).inputs[0];
  return id;
}

Storage assign_storage(const Graph& graph, const CanOverwrite& can_overwrite,
                       std::span<const FusedNodes> fused) {
  return Assigner(graph, can_overwrite, fused).run();
}

}  // namespace linnet

#include "compress/remove_channels.h"

#include <cstring>

namespace linnet {

namespace {

// The slices of `axis` at `indices`.
Result<Tensor> take(const Tensor& tensor, int axis, std::span<const int32_t> indices) {
  Shape shape = tensor.shape();
  size_t outer = 1, inner = dtype_size(tensor.dtype());
  for (int i = 0; i < axis; ++i) outer *= static_cast<size_t>(shape[i]);
  for (int i = axis + 1; i < shape.rank(); ++i) inner *= static_cast<size_t>(shape[i]);
  const size_t old_size = static_cast<size_t>(shape[axis]);
  shape.set(axis, static_cast<int64_t>(indices.size()));
  TRY_ASSIGN(Tensor result, Tensor::zeros(tensor.dtype(), shape));
  std::byte* out = result.mutable_data();
  for (size_t o = 0; o < outer; ++o)
    for (int32_t index : indices) {
      std::memcpy(out, tensor.data() + (o * old_size + static_cast<size_t>(index)) * inner, inner);
      out += inner;
    }
  return result;
}

}  // namespace

Result<Graph> remove_channels(const Graph& graph, const ChannelGroups& groups,
                              std::span<const std::vector<int32_t>> kept) {
  Graph result;
  std::vector<ValueId> map(graph.value_count(), kNone);
  for (const GraphPort& port : graph.inputs) {
    const Value& value = graph.value(port.value);
    map[port.value] = result.add_input(value.name, value.dtype, value.shape);
    result.inputs.push_back({port.name, map[port.value]});
  }
  const auto constant = [&](ValueId id) -> Result<ValueId> {
    const Value& value = graph.value(id);
    Tensor tensor = value.constant;
    for (int axis = 0; axis < value.shape.rank(); ++axis) {
      const std::vector<int32_t> indices = groups.kept_indices(graph, id, axis, kept);
      if (indices.size() == static_cast<size_t>(value.shape[axis])) continue;
      TRY_ASSIGN(tensor, take(tensor, axis, indices));
    }
    return result.add_constant(value.name, std::move(tensor));
  };
  for (const Node& node : graph.nodes()) {
    std::vector<ValueId> operands;
    for (ValueId id : node.inputs) {
      if (map[id] == kNone) {
        TRY_ASSIGN(map[id], constant(id));
      }
      operands.push_back(map[id]);
    }
    Attrs attrs = node.attrs;
    // The attributes that tell the number of channels.
    if (node.op == Op::reshape || node.op == Op::slice) {
      const Attr key = node.op == Op::reshape ? Attr::shape : Attr::size;
      const int axis = graph.value(node.outputs[0]).shape.rank() - 1;
      Ints dims;
      for (int i = 0; i <= axis; ++i) dims.push_back(graph.value(node.outputs[0]).shape[i]);
      if (axis >= 0)
        dims.back() = static_cast<int64_t>(groups.kept_indices(graph, node.outputs[0], axis, kept).size());
      attrs.set(key, std::move(dims));
    }
    TRY_ASSIGN(const NodeId added,
               result.add_node(node.op, node.name, std::move(operands), std::move(attrs)));
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      map[node.outputs[i]] = result.node(added).outputs[i];
      const std::string& name = graph.value(node.outputs[i]).name;
      if (result.value(map[node.outputs[i]]).name != name)
        result.rename_value(map[node.outputs[i]], result.unique_name(name));
    }
  }
  for (const GraphPort& port : graph.outputs) {
    if (map[port.value] == kNone) {
      TRY_ASSIGN(map[port.value], constant(port.value));
    }
    result.outputs.push_back({port.name, map[port.value]});
  }
  return result;
}

}  // namespace linnet

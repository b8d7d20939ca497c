#include "ops/window.h"
#include "passes/passes.h"

namespace linnet {

namespace {

bool is_spatial_zero_pad(const Node& node) {
  const std::span<const int64_t> pads = node.attrs.get_ints(Attr::pads);
  return node.op == Op::pad && pads.size() == 8 && pads[0] == 0 && pads[1] == 0 && pads[6] == 0 &&
         pads[7] == 0 && node.attrs.get_float(Attr::value, 0) == 0 &&
         node.attrs.get_string(Attr::mode, "constant") == "constant";
}

}  // namespace

Result<int> merge_pads(Graph& graph) {
  int rewrites = 0;
  for (NodeId id = 0; id < graph.node_count(); ++id) {
    Node& node = graph.node(id);
    if (node.op != Op::conv2d && node.op != Op::depthwise_conv2d) continue;
    const NodeId producer = graph.value(node.inputs[0]).producer;
    if (producer == kNone || !is_spatial_zero_pad(graph.node(producer))) continue;
    const std::span<const int64_t> outer = graph.node(producer).attrs.get_ints(Attr::pads);
    const std::span<const int64_t> own = node.attrs.get_ints(Attr::pads);
    Ints pads(outer.begin() + 2, outer.begin() + 6);
    for (size_t i = 0; i < own.size(); ++i) pads[i] += own[i];
    Attrs attrs = node.attrs;
    attrs.set(Attr::pads, std::move(pads));
    const ValueId input = graph.node(producer).inputs[0];
    const Shape& kernel = graph.value(node.inputs[1]).shape;
    // A window takes less padding than a pad does.
    if (!make_window(attrs, graph.value(input).shape, kernel[0], kernel[1])) continue;
    node.attrs = std::move(attrs);
    node.inputs[0] = input;
    ++rewrites;
  }
  TRY(eliminate_dead_code(graph));
  return rewrites;
}

}  // namespace linnet

// Ops that only move elements, of any type.
#include "backends/gpu/lower.h"

namespace linnet::gpu {

namespace {

Result<bool> emit_map(Lowering& lowering, const Node& node, const IndexMap& map) {
  Kernel kernel;
  finish_kernel(kernel, "", kernel.fours(kernel.input(lowering.operand(node.inputs[0])), map, "e"));
  return lowering.emit(kernel, node.outputs[0]);
}

// The kernel of a function of that body, which gives one element or four at once.
Result<bool> emit_body(Lowering& lowering, Kernel& kernel, const Node& node, bool fours,
                       const std::string& body) {
  append(
      kernel.text,
      fours ? "@fn T4 kernel(u32 e) {\n$0}\n"
            : "@fn T element(u32 e) {\n$0}\n@fn T4 kernel(u32 e) {\n  return T4(element(e), element(e + 1u), "
              "element(e + 2u), element(e + 3u));\n}\n",
      {body});
  return lowering.emit(kernel, node.outputs[0]);
}

// The stride of each axis of a tensor of `shape`.
std::vector<int32_t> strides_of(const Shape& shape) {
  std::vector<int32_t> strides(static_cast<size_t>(shape.rank()));
  int32_t step = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[static_cast<size_t>(i)] = step;
    step *= shape[i];
  }
  return strides;
}

// Statements that give the coordinate `c<axis>` inside the input, or clear `inside`, appended to `body`.
void pad_axis(Kernel& kernel, int axis, uint32_t inner, int32_t size, int32_t out, int64_t before,
              std::string_view mode, std::string& body) {
  const Pieces number = {axis, mode == "symmetric" ? 1 : 0};
  kernel.param("inner$0", inner, number);
  kernel.param("out$0", static_cast<uint32_t>(out), number);
  kernel.param_i32("before$0", static_cast<int32_t>(before), number);
  kernel.param_i32("size$0", size, number);
  append(body, "  @i32 c$0 = i32(e / P.inner$0 % P.out$0) - P.before$0;\n", number);
  append(body,
         mode == "constant" ? "  inside = inside && c$0 >= 0 && c$0 < P.size$0;\n"
                            : "  c$0 = select(c$0, -c$0 - $1, c$0 < 0);\n"
                              "  c$0 = select(c$0, 2 * P.size$0 - 2 - c$0 + $1, c$0 >= P.size$0);\n",
         number);
}

}  // namespace

Result<bool> lower_transpose(Lowering& lowering, const Node& node) {
  const std::vector<int32_t> strides = strides_of(lowering.shape(node.inputs[0]));
  const Shape& y = lowering.shape(node.outputs[0]);
  const std::span<const int64_t> perm = node.attrs.get_ints(Attr::perm);
  IndexMap map;
  for (int i = 0; i < y.rank(); ++i)
    map.add_inner(static_cast<uint32_t>(y[i]), strides[static_cast<size_t>(perm[static_cast<size_t>(i)])]);
  return emit_map(lowering, node, map);
}

Result<bool> lower_slice(Lowering& lowering, const Node& node) {
  const std::vector<int32_t> strides = strides_of(lowering.shape(node.inputs[0]));
  const Shape& y = lowering.shape(node.outputs[0]);
  const std::span<const int64_t> begin = node.attrs.get_ints(Attr::begin),
                                 steps = node.attrs.get_ints(Attr::strides);
  IndexMap map;
  for (int i = 0; i < y.rank(); ++i) {
    const auto axis = static_cast<size_t>(i);
    map.base += static_cast<int32_t>(begin[axis]) * strides[axis];
    map.add_inner(static_cast<uint32_t>(y[i]),
                  strides[axis] * static_cast<int32_t>(steps.empty() ? 1 : steps[axis]));
  }
  return emit_map(lowering, node, map);
}

Result<bool> lower_concat(Lowering& lowering, const Node& node) {
  const int axis = static_cast<int>(node.attrs.get_int(Attr::axis, 0));
  const Shape& y = lowering.shape(node.outputs[0]);
  int64_t outer = 1;
  for (int i = 0; i < axis; ++i) outer *= y[i];
  Kernel kernel;
  bool fours = true;
  for (ValueId id : node.inputs) fours = fours && lowering.shape(id).elements() / outer % 4 == 0;
  const int64_t row = y.elements() / outer;
  kernel.param("row", static_cast<uint32_t>(row));
  std::string body = "  @u32 o = e / P.row;\n  @u32 r = e % P.row;\n";
  int64_t begin = 0;
  for (ValueId id : node.inputs) {
    const int64_t size = lowering.shape(id).elements() / outer;
    if (size == 0) continue;
    const int k = kernel.input(lowering.operand(id));
    kernel.param("begin$0", static_cast<uint32_t>(begin), {k});
    kernel.param("size$0", static_cast<uint32_t>(size), {k});
    begin += size;
    const bool last = begin == row;
    append(body,
           last ? "  return $0$1(o * P.size$1 + r - P.begin$1);\n"
                : "  if (r < P.begin$1 + P.size$1) { return $0$1(o * P.size$1 + r - P.begin$1); }\n",
           {fours ? "at4_" : "at_", k});
  }
  return emit_body(lowering, kernel, node, fours, body);
}

Result<bool> lower_pad(Lowering& lowering, const Node& node) {
  const Shape& x = lowering.shape(node.inputs[0]);
  const Shape& y = lowering.shape(node.outputs[0]);
  if (x.elements() == 0) return false;
  const std::span<const int64_t> pads = node.attrs.get_ints(Attr::pads);
  const std::string_view mode = node.attrs.get_string(Attr::mode, "constant");
  const std::vector<int32_t> strides = strides_of(x);
  Kernel kernel;
  kernel.input(lowering.operand(node.inputs[0]));
  const float value = node.attrs.get_float(Attr::value, 0);
  if (is_whole(lowering.dtype(node.outputs[0])))
    kernel.param_i32("filler", static_cast<int32_t>(value));
  else
    kernel.param_f32("filler", value);
  std::string body = "  @bool inside = true;\n", offset = "0";
  uint32_t inner = 1;
  for (int i = x.rank() - 1; i >= 0; --i) {
    const auto axis = static_cast<size_t>(i);
    pad_axis(kernel, i, inner, x[i], y[i], pads[2 * axis], mode, body);
    kernel.param_i32("stride$0", strides[axis], {i});
    append(offset, " + c$0 * P.stride$0", {i});
    inner *= static_cast<uint32_t>(y[i]);
  }
  append(body, "  if (!inside) { return P.filler; }\n  return at_0(u32($0));\n", {offset});
  return emit_body(lowering, kernel, node, false, body);
}

}  // namespace linnet::gpu

// Ops that only move elements, of any type.
#include "backends/gpu/lower.h"

namespace linnet::gpu {

namespace {

Result<bool> emit_map(Lowering& lowering, const Node& node, const IndexMap& map) {
  Kernel kernel;
  const std::string value = kernel.fours(kernel.input(lowering.operand(node.inputs[0])), map, "e");
  finish_kernel(kernel, "", value);
  TRY(lowering.emit(std::move(kernel), node.outputs[0]));
  return true;
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

// Statements that give the coordinate `c` of axis `axis` inside the input, or clear `inside`.
std::string pad_axis(Kernel& kernel, int axis, uint32_t inner, int32_t size, int32_t out, int64_t before,
                     std::string_view mode) {
  const std::string n = std::to_string(axis), c = "c" + n;
  std::string text = "  @i32 " + c + " = i32(e / " + kernel.param("inner" + n, inner) + " % " +
                     kernel.param("out" + n, static_cast<uint32_t>(out)) + ") - " +
                     kernel.param_i32("before" + n, static_cast<int32_t>(before)) + ";\n";
  const std::string limit = kernel.param_i32("size" + n, size);
  if (mode == "constant") return text + "  inside = inside && " + c + " >= 0 && " + c + " < " + limit + ";\n";
  const std::string shift = mode == "symmetric" ? "1" : "0";
  text += "  " + c + " = select(" + c + ", -" + c + " - " + shift + ", " + c + " < 0);\n";
  return text + "  " + c + " = select(" + c + ", 2 * " + limit + " - 2 - " + c + " + " + shift + ", " + c +
         " >= " + limit + ");\n";
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
  const std::string row = kernel.param("row", static_cast<uint32_t>(y.elements() / outer));
  std::string body = "  @u32 o = e / " + row + ";\n  @u32 r = e % " + row + ";\n";
  int64_t begin = 0;
  for (ValueId id : node.inputs) {
    const int64_t size = lowering.shape(id).elements() / outer;
    if (size == 0) continue;
    const std::string k = std::to_string(kernel.input(lowering.operand(id)));
    const std::string first = kernel.param("begin" + k, static_cast<uint32_t>(begin));
    begin += size;
    const std::string value = (fours ? "at4_" : "at_") + k + "(o * " +
                              kernel.param("size" + k, static_cast<uint32_t>(size)) + " + r - " + first + ")";
    body += begin == y.elements() / outer
                ? "  return " + value + ";\n"
                : "  if (r < " + first + " + P.size" + k + ") { return " + value + "; }\n";
  }
  if (fours) {
    kernel.text = "@fn T4 kernel(u32 e) {\n" + body + "}\n";
  } else {
    kernel.text =
        "@fn T element(u32 e) {\n" + body +
        "}\n@fn T4 kernel(u32 e) {\n  return T4(element(e), element(e + 1u), element(e + 2u), element(e + "
        "3u));\n}\n";
  }
  TRY(lowering.emit(std::move(kernel), node.outputs[0]));
  return true;
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
  const std::string filler = is_whole(lowering.dtype(node.outputs[0]))
                                 ? kernel.param_i32("filler", static_cast<int32_t>(value))
                                 : kernel.param_f32("filler", value);
  std::string body = "  @bool inside = true;\n", offset = "0";
  uint32_t inner = 1;
  for (int i = x.rank() - 1; i >= 0; --i) {
    const auto axis = static_cast<size_t>(i);
    body += pad_axis(kernel, i, inner, x[i], y[i], pads[2 * axis], mode);
    offset +=
        " + c" + std::to_string(i) + " * " + kernel.param_i32("stride" + std::to_string(i), strides[axis]);
    inner *= static_cast<uint32_t>(y[i]);
  }
  body += "  if (!inside) { return " + filler + "; }\n";
  kernel.text =
      "@fn T element(u32 e) {\n" + body + "  return at_0(u32(" + offset +
      "));\n}\n@fn T4 kernel(u32 e) {\n  return T4(element(e), element(e + 1u), element(e + 2u), element(e + "
      "3u));\n}\n";
  TRY(lowering.emit(std::move(kernel), node.outputs[0]));
  return true;
}

}  // namespace linnet::gpu

#include "backends/webgpu/lower.h"

#include <algorithm>

#include "backends/gpu/expr_text.h"

namespace linnet::webgpu {

namespace {

using gpu::Param;

constexpr uint32_t kFlatWorkgroup = 64;

const char* type_name(Param::Type type) {
  return type == Param::Type::U32 ? "u32" : type == Param::Type::I32 ? "i32" : "f32";
}

// How shaders see a buffer. Tensors of different types are seen as words.
struct View {
  const char* type;
  uint32_t bytes;       // of one element of the array
  DType dtype;          // of all tensors, unless words
  bool fours = false;   // an element of the array is four of a tensor
  bool words = false;   // whatever its type, a tensor is read as bits
  bool native = false;  // f16 as such
};

View choose_view(const std::vector<DType>& types, Elements elements, bool native) {
  const DType first = types.empty() ? DType::F32 : types[0];
  const bool fours = elements == Elements::Fours;
  const View words{.type = "u32", .bytes = 4, .dtype = first, .words = true};
  for (DType type : types)
    if (type != first || dtype_size(type) == 1) return words;
  if (first == DType::F16) {
    if (native) return {fours ? "vec4h" : "f16", fours ? 8u : 2u, first, fours, false, true};
    return fours ? View{"vec2u", 8, first, true} : words;
  }
  if (first == DType::I32) return {fours ? "vec4i" : "i32", fours ? 16u : 4u, first, fours};
  return {fours ? "vec4f" : "f32", fours ? 16u : 4u, first, fours};
}

const char* four_type(DType dtype) {
  return gpu::is_whole(dtype) ? "vec4i" : "vec4f";
}

// Element e of a tensor of `dtype` from `base` in `array`.
std::string element_of(const View& view, DType dtype, const std::string& array, const std::string& base) {
  const auto at = [&](const char* e) { return array + "[" + base + " + " + e + "]"; };
  const std::string four = at("(e >> 2u)");
  if (view.native) return "f32(" + (view.fours ? four + "[e & 3u])" : at("e)"));
  if (!view.words) {
    if (!view.fours) return at("e");
    return dtype == DType::F16 ? "unpack2x16float(" + four + "[(e >> 1u) & 1u])[e & 1u]" : four + "[e & 3u]";
  }
  switch (dtype) {
    case DType::F32:
      return "bitcast<f32>(" + at("e") + ")";
    case DType::I32:
      return "bitcast<i32>(" + at("e") + ")";
    case DType::F16:
      return "unpack2x16float(" + at("(e >> 1u)") + ")[e & 1u]";
    case DType::I8:
      return "f32(bitcast<i32>(" + four + " << (24u - 8u * (e & 3u))) >> 24u)";
    default:
      return "f32((" + four + " >> (8u * (e & 3u))) & 255u)";
  }
}

// Four elements from element `at` of a view of fours.
std::string four_of(const View& view, const std::string& at) {
  if (view.native) return "vec4f(" + at + ")";
  if (view.dtype != DType::F16) return at;
  return "vec4f(unpack2x16float(" + at + ".x), unpack2x16float(" + at + ".y))";
}

// The readers of input k: at_k of one element, at4_k of four, half4_k of four f16.
std::string readers(size_t k, DType dtype, const View& view, const char* array, Elements elements) {
  const std::string n = std::to_string(k), base = "P.base" + n, at = "at_" + n + "(e",
                    type = four_type(dtype), place = std::string(array) + "[" + base + " + (e >> 2u)]";
  const bool direct = view.fours && elements == Elements::Fours;
  std::string text = "fn at_" + n + "(e: u32) -> " + (gpu::is_whole(dtype) ? "i32" : "f32") + " { return " +
                     element_of(view, dtype, array, base) + "; }\nfn at4_" + n + "(e: u32) -> " + type +
                     " { return " +
                     (direct ? four_of(view, place)
                             : type + "(" + at + "), " + at + " + 1u), " + at + " + 2u), " + at + " + 3u))") +
                     "; }\n";
  if (direct && view.native) text += "fn half4_" + n + "(e: u32) -> vec4h { return " + place + "; }\n";
  return text;
}

// put4, and put where elements are single.
std::string writers(DType dtype, const View& view) {
  std::string four = "  a[P.out_base + (e >> 2u)] = ", value = "v";
  if (view.fours) {
    if (view.native)
      value = "vec4h(v)";
    else if (dtype == DType::F16)
      value = "vec2u(pack2x16float(v.xy), pack2x16float(v.zw))";
    four += value + ";\n";
  } else if (dtype == DType::F16 && view.words) {
    four =
        "  let i = P.out_base + (e >> 1u);\n  a[i] = pack2x16float(v.xy);\n  a[i + 1u] = "
        "pack2x16float(v.zw);\n";
  } else if (dtype_size(dtype) == 1) {
    four = "  let b = bitcast<vec4u>(vec4i(v)) & vec4u(255u);\n" + four +
           "b.x | (b.y << 8u) | (b.z << 16u) | (b.w << 24u);\n";
  } else {
    value = view.native ? "f16(v)" : view.words ? "bitcast<u32>(v)" : "v";
    return "fn put(e: u32, v: T) { a[P.out_base + e] = " + value +
           "; }\nfn put4(e: u32, v: T4) { put(e, v.x); put(e + 1u, v.y); put(e + 2u, v.z); put(e + 3u, v.w); "
           "}\n";
  }
  return "fn put4(e: u32, v: T4) {\n" + four + "}\n";
}

}  // namespace

Result<void> Lowering::emit_entry(const Kernel& kernel, ValueId out, Elements elements, Grid grid) {
  std::vector<DType> in_arena{dtype(out)}, in_weights;
  for (const gpu::Operand& input : kernel.inputs)
    (input.ref.in_weights() ? in_weights : in_arena).push_back(input.dtype);
  const bool native = target().f16_arithmetic;
  const View arena = choose_view(in_arena, elements, native),
             weights = choose_view(in_weights, Elements::Fours, native);
  std::string text = arena.native || weights.native ? "enable f16;\n" : "";
  if (kernel.text.find("subgroup") != std::string::npos)
    text += "enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n";
  text += gpu::is_whole(dtype(out)) ? "alias T = i32;\nalias T4 = vec4i;\n"
                                    : "alias T = f32;\nalias T4 = vec4f;\n";
  std::vector<uint32_t> words;
  text += "struct Params {\n  out_base: u32,\n";
  words.push_back(static_cast<uint32_t>(ref(out).offset() / arena.bytes));
  for (size_t k = 0; k < kernel.inputs.size(); ++k) {
    text += "  base" + std::to_string(k) + ": u32,\n";
    const Ref input = kernel.inputs[k].ref;
    words.push_back(static_cast<uint32_t>(input.offset() / (input.in_weights() ? weights : arena).bytes));
  }
  for (const Param& param : kernel.params) {
    text += "  " + param.name + ": " + type_name(param.type) + ",\n";
    words.push_back(param.bits);
  }
  text += std::string("}\n@group(0) @binding(0) var<storage, read_write> a: array<") + arena.type +
          ">;\n@group(0) @binding(1) var<storage, read> w: array<" + weights.type +
          ">;\n@group(0) @binding(2) var<uniform> P: Params;\n";
  for (size_t k = 0; k < kernel.inputs.size(); ++k) {
    const bool is_weights = kernel.inputs[k].ref.in_weights();
    text +=
        readers(k, kernel.inputs[k].dtype, is_weights ? weights : arena, is_weights ? "w" : "a", elements);
  }
  if (weights.fours)
    text += std::string("fn weights4(i: u32) -> ") + four_type(weights.dtype) + " { return " +
            four_of(weights, "w[i]") + "; }\n";
  if (weights.native) text += "fn half_weights4(i: u32) -> vec4h { return w[i]; }\n";
  text += writers(dtype(out), arena);
  const std::string body = gpu::translate(gpu::Dialect::Wgsl, kernel.text);
  text += gpu::expr_functions(gpu::Dialect::Wgsl, kernel.text) + body;

  TRY_ASSIGN(const uint32_t params, add_params(words));
  for (uint32_t size : {grid.x, grid.y, grid.z})
    if (size > target().max_workgroups) return fail(ErrorCode::TooLarge, "a dispatch of %u workgroups", size);
  const uint32_t step[] = {shader(std::move(text)), params, grid.x, grid.y, grid.z};
  return append_step(gpu::GpuOp::Dispatch, step);
}

Result<void> Lowering::emit(Kernel kernel, ValueId out) {
  const auto count = static_cast<uint32_t>((shape(out).elements() + 3) / 4);
  const uint32_t groups = (count + kFlatWorkgroup - 1) / kFlatWorkgroup;
  const uint32_t x = std::min(groups, target().max_workgroups);
  kernel.param("count", count);
  kernel.param("grid_x", x * kFlatWorkgroup);
  kernel.text +=
      "@compute @workgroup_size(" + std::to_string(kFlatWorkgroup) +
      ") fn main(@builtin(global_invocation_id) id: vec3u) {\n  let i = id.y * P.grid_x + id.x;\n  if (i < "
      "P.count) { put4(i * 4u, kernel(i * 4u)); }\n}\n";
  return emit_entry(kernel, out, Elements::Fours, {x, (groups + x - 1) / x, 1});
}

Result<bool> Lowering::lower_special(const Node& node) {
  switch (node.op) {
    case Op::conv2d:
    case Op::matmul:
      return lower_product(*this, node);
    case Op::depthwise_conv2d:
      return lower_depthwise_conv2d(*this, node);
    case Op::softmax:
      return lower_softmax(*this, node);
    default:
      return false;
  }
}

}  // namespace linnet::webgpu

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

constexpr char kElement[] = "$0[P.base$1 + $2]";

// Element e of a tensor of `dtype` as input k from `array`.
std::string element_of(const View& view, DType dtype, const char* array, uint32_t k) {
  const char* pattern = "$0";
  const char* index = "e";
  if (view.native) {
    pattern = view.fours ? "f32($0[e & 3u])" : "f32($0)";
    if (view.fours) index = "(e >> 2u)";
  } else if (!view.words) {
    if (view.fours) {
      pattern = dtype == DType::F16 ? "unpack2x16float($0[(e >> 1u) & 1u])[e & 1u]" : "$0[e & 3u]";
      index = "(e >> 2u)";
    }
  } else if (dtype == DType::F32) {
    pattern = "bitcast<f32>($0)";
  } else if (dtype == DType::I32) {
    pattern = "bitcast<i32>($0)";
  } else if (dtype == DType::F16) {
    pattern = "unpack2x16float($0)[e & 1u]";
    index = "(e >> 1u)";
  } else {
    pattern = dtype == DType::I8 ? "f32(bitcast<i32>($0 << (24u - 8u * (e & 3u))) >> 24u)"
                                 : "f32(($0 >> (8u * (e & 3u))) & 255u)";
    index = "(e >> 2u)";
  }
  return gpu::text_of(pattern, {gpu::text_of(kElement, {array, k, index})});
}

// How a view of fours gives the four elements $0.
const char* four_of(const View& view) {
  if (view.native) return "vec4f($0)";
  return view.dtype == DType::F16 ? "vec4f(unpack2x16float($0.x), unpack2x16float($0.y))" : "$0";
}

// Appends the readers of input k: at_k of one element, at4_k of four, half4_k of four f16.
void append_readers(std::string& text, uint32_t k, DType dtype, const View& view, bool is_weights,
                    Elements elements) {
  const char* array = is_weights ? "w" : "a";
  const bool direct = view.fours && elements == Elements::Fours;
  const std::string place = gpu::text_of(kElement, {array, k, "(e >> 2u)"}),
                    four = direct ? gpu::text_of(four_of(view), {place})
                                  : gpu::text_of("$0(at_$1(e), at_$1(e + 1u), at_$1(e + 2u), at_$1(e + 3u))",
                                                 {four_type(dtype), k});
  gpu::append(
      text, "fn at_$0(e: u32) -> $1 { return $2; }\nfn at4_$0(e: u32) -> $3 { return $4; }\n",
      {k, gpu::is_whole(dtype) ? "i32" : "f32", element_of(view, dtype, array, k), four_type(dtype), four});
  if (direct && view.native) gpu::append(text, "fn half4_$0(e: u32) -> vec4h { return $1; }\n", {k, place});
}

// put4, and put where elements are single.
const char* writers(DType dtype, const View& view) {
  if (view.fours && view.native)
    return "fn put4(e: u32, v: T4) {\n  a[P.out_base + (e >> 2u)] = vec4h(v);\n}\n";
  if (view.fours)
    return dtype == DType::F16
               ? "fn put4(e: u32, v: T4) {\n  a[P.out_base + (e >> 2u)] = vec2u(pack2x16float(v.xy), "
                 "pack2x16float(v.zw));\n}\n"
               : "fn put4(e: u32, v: T4) {\n  a[P.out_base + (e >> 2u)] = v;\n}\n";
  if (dtype == DType::F16 && view.words)
    return "fn put4(e: u32, v: T4) {\n  let i = P.out_base + (e >> 1u);\n  a[i] = pack2x16float(v.xy);\n"
           "  a[i + 1u] = pack2x16float(v.zw);\n}\n";
  if (dtype_size(dtype) == 1)
    return "fn put4(e: u32, v: T4) {\n  let b = bitcast<vec4u>(vec4i(v)) & vec4u(255u);\n"
           "  a[P.out_base + (e >> 2u)] = b.x | (b.y << 8u) | (b.z << 16u) | (b.w << 24u);\n}\n";
  return "fn put(e: u32, v: T) { a[P.out_base + e] = $0; }\n"
         "fn put4(e: u32, v: T4) { put(e, v.x); put(e + 1u, v.y); put(e + 2u, v.z); put(e + 3u, v.w); }\n";
}

}  // namespace

Result<bool> Lowering::emit_entry(const Kernel& kernel, ValueId out, Elements elements, Grid grid) {
  std::vector<DType> in_arena{dtype(out)}, in_weights;
  for (const gpu::Operand& input : kernel.inputs)
    (input.ref.in_weights() ? in_weights : in_arena).push_back(input.dtype);
  const bool native = target().f16_arithmetic;
  const View arena = choose_view(in_arena, elements, native),
             weights = choose_view(in_weights, Elements::Fours, native);
  std::string params, readers;
  std::vector<uint32_t> words{static_cast<uint32_t>(ref(out).offset() / arena.bytes)};
  for (uint32_t k = 0; k < kernel.inputs.size(); ++k) {
    const auto& [input, type] = kernel.inputs[k];
    const View& view = input.in_weights() ? weights : arena;
    gpu::append(params, "  base$0: u32,\n", {k});
    words.push_back(static_cast<uint32_t>(input.offset() / view.bytes));
    append_readers(readers, k, type, view, input.in_weights(), elements);
  }
  for (const Param& param : kernel.params) {
    gpu::append(params, "  $0: $1,\n", {param.name, type_name(param.type)});
    words.push_back(param.bits);
  }
  if (weights.fours)
    gpu::append(readers, "fn weights4(i: u32) -> $0 { return $1; }\n",
                {four_type(weights.dtype), gpu::text_of(four_of(weights), {"w[i]"})});
  if (weights.native) readers += "fn half_weights4(i: u32) -> vec4h { return w[i]; }\n";
  gpu::append(readers, writers(dtype(out), arena),
              {arena.native  ? "f16(v)"
               : arena.words ? "bitcast<u32>(v)"
                             : "v"});
  const bool subgroups = kernel.text.find("subgroup") != std::string::npos, whole = gpu::is_whole(dtype(out));
  std::string text = gpu::text_of(
      "$0$1alias T = $2;\nalias T4 = $3;\nstruct Params {\n  out_base: u32,\n$4}\n"
      "@group(0) @binding(0) var<storage, read_write> a: array<$5>;\n"
      "@group(0) @binding(1) var<storage, read> w: array<$6>;\n"
      "@group(0) @binding(2) var<uniform> P: Params;\n$7$8$9",
      {arena.native || weights.native ? "enable f16;\n" : "",
       subgroups ? "enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n" : "", whole ? "i32" : "f32",
       whole ? "vec4i" : "vec4f", params, arena.type, weights.type, readers,
       gpu::expr_functions(gpu::Dialect::Wgsl, kernel.text),
       gpu::translate(gpu::Dialect::Wgsl, kernel.text)});

  TRY_ASSIGN(const uint32_t at, add_params(words));
  for (uint32_t size : {grid.x, grid.y, grid.z})
    if (size > target().max_workgroups) return fail(ErrorCode::TooLarge, "a dispatch of %u workgroups", size);
  const uint32_t step[] = {shader(std::move(text)), at, grid.x, grid.y, grid.z};
  return append_step(gpu::GpuOp::Dispatch, step);
}

Result<bool> Lowering::emit(Kernel& kernel, ValueId out) {
  const auto count = static_cast<uint32_t>((shape(out).elements() + 3) / 4);
  const uint32_t groups = (count + kFlatWorkgroup - 1) / kFlatWorkgroup;
  kernel.param("count", count);
  const Grid all = grid(kernel, groups, kFlatWorkgroup);
  gpu::append(kernel.text,
              "@compute @workgroup_size($0) fn main(@builtin(global_invocation_id) id: vec3u) {\n"
              "  let i = id.y * P.grid_x + id.x;\n  if (i < P.count) { put4(i * 4u, kernel(i * 4u)); }\n}\n",
              {kFlatWorkgroup});
  return emit_entry(kernel, out, Elements::Fours, all);
}

Grid Lowering::grid(Kernel& kernel, uint32_t groups, uint32_t unit) const {
  const uint32_t x = std::min(groups, target().max_workgroups);
  kernel.param("grid_x", x * unit);
  return {x, (groups + x - 1) / x, 1};
}

}  // namespace linnet::webgpu

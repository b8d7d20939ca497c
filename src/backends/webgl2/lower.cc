#include "backends/webgl2/lower.h"

#include <algorithm>
#include <bit>

#include "backends/gpu/expr_text.h"
#include "backends/webgl2/epilogue.h"

namespace linnet::webgl2 {

namespace {

using gpu::Param;

const char* type_name(Param::Type type) {
  return type == Param::Type::U32 ? "uint" : type == Param::Type::I32 ? "int" : "float";
}

// What a texture's texels are in a shader.
struct Format {
  const char* sampler;
  const char* texel;
};

Format format_of(DType dtype) {
  switch (dtype) {
    case DType::F32:
    case DType::F16:
      return {"sampler2DArray", "vec4"};
    case DType::I32:
    case DType::I8:
      return {"isampler2DArray", "ivec4"};
    default:
      return {"usampler2DArray", "uvec4"};
  }
}

constexpr char kTop[] = R"(#version 300 es
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp sampler2DArray;
precision highp isampler2DArray;
precision highp usampler2DArray;
uniform sampler2D w;
)";

static_assert(std::has_single_bit(gpu::kWeightsWidth));
constexpr uint32_t kWeightsMask = gpu::kWeightsWidth - 1,
                   kWeightsShift = std::countr_zero(gpu::kWeightsWidth);

const char* four_type(DType dtype) {
  return gpu::is_whole(dtype) ? "ivec4" : "vec4";
}

// texel_k of an input among the weights, which lie there as bytes.
void append_weights_texel(std::string& text, uint32_t k, DType dtype) {
  const char* body =
      "u32 b = floatBitsToUint(weight(P.base$0 + (t >> 2u))[t & 3u]); "
      "return vec4(b & 255u, (b >> 8u) & 255u, (b >> 16u) & 255u, b >> 24u);";
  if (dtype == DType::F32)
    body = "return weight(P.base$0 + t);";
  else if (dtype == DType::I32)
    body = "return floatBitsToInt(weight(P.base$0 + t));";
  else if (dtype == DType::F16)
    body =
        "vec4 v = weight(P.base$0 + (t >> 1u)); uvec2 h = floatBitsToUint((t & 1u) == 0u ? v.xy : v.zw); "
        "return vec4(unpackHalf2x16(h.x), unpackHalf2x16(h.y));";
  else if (dtype == DType::I8)
    body =
        "u32 b = floatBitsToUint(weight(P.base$0 + (t >> 2u))[t & 3u]); "
        "return vec4(ivec4(b << 24u, b << 16u, b << 8u, b) >> 24);";
  gpu::append(text, "$1 texel_$0(u32 t) { $2 }\n", {k, four_type(dtype), gpu::text_of(body, {k})});
}

// pick_k and texel_k of an input in a texture.
void append_tensor_texel(std::string& text, uint32_t k, uint32_t unit, const Tensor& tensor) {
  const char* type = four_type(tensor.dtype);
  gpu::append(
      text,
      "$2 pick_$0(u32 i, i32 layer) { return $2(texelFetch(s$1, ivec3(i & P.mask$0, i >> P.shift$0, layer), "
      "0)); }\n",
      {k, unit, type});
  if (tensor.layers > 1) {
    // Quotients by reciprocals are exact for texels below 2^22.
    const bool small = uint64_t{tensor.width} * tensor.height * tensor.layers < (1u << 22);
    gpu::append(text,
                "$1 texel_$0(u32 t) {\n  u32 p = $2$0$3;\n"
                "  return pick_$0((p >> $4u) * P.unit$0 + t - p * P.unit$0, i32(p & $5u));\n}\n",
                {k, type, small ? "u32((float(t) + 0.5) * P.per_unit" : "t / P.unit", small ? ")" : "",
                 std::countr_zero(tensor.layers), tensor.layers - 1});
  } else if (tensor.lanes == 4) {
    gpu::append(text, "$1 texel_$0(u32 t) { return pick_$0(t, 0); }\n", {k, type});
  }
}

// at_k and at4_k.
void append_readers(std::string& text, uint32_t k, DType dtype, uint32_t lanes) {
  gpu::append(text,
              lanes == 4 ? "$1 at_$0(u32 e) { return texel_$0(e >> 2u)[e & 3u]; }\n"
                           "$2 at4_$0(u32 e) { return texel_$0(e >> 2u); }\n"
                         : "$1 at_$0(u32 e) { return pick_$0(e / $3u, 0)[e % $3u]; }\n"
                           "$2 at4_$0(u32 e) { return $2(at_$0(e), at_$0(e + 1u), at_$0(e + 2u), at_$0(e + "
                           "3u)); }\n",
              {k, gpu::is_whole(dtype) ? "int" : "float", four_type(dtype), lanes});
}

void append_stores(std::string& text, const Tensor& out) {
  const bool bytes = dtype_size(out.dtype) == 1;
  gpu::append_each(text, out.layers,
                   bytes ? "layout(location = $0) out $1 o$0;\nvoid store_$0($2 v) { o$0 = $1(ivec4(v)); }\n"
                         : "layout(location = $0) out $1 o$0;\nvoid store_$0($2 v) { o$0 = v; }\n",
                   {format_of(out.dtype).texel, four_type(out.dtype)});
}

}  // namespace

Lowering::Lowering(const Graph& graph, const gpu::Target& target, TexturePlacement placement,
                   gpu::GpuPlan& plan)
    : gpu::Lowering(
          graph, target,
          [&] {
            std::vector<Ref> refs;
            for (uint32_t tensor : placement.tensor_of)
              refs.push_back(tensor == kNone ? Ref::none() : Ref::arena(uint64_t{4} * tensor));
            return refs;
          }(),
          plan),
      tensors_(std::move(placement.tensors)) {
  plan.textures = std::move(placement.textures);
  plan.lower_bound_bytes = placement.lower_bound_bytes;
}

Result<Ref> Lowering::add_tensor(int64_t elements, DType dtype) {
  TRY_ASSIGN(Tensor tensor, plain_tensor(elements, dtype, target()));
  tensor.texture = static_cast<uint32_t>(plan().textures.size());
  plan().textures.push_back({tensor.width, tensor.height, 1, 4, dtype});
  tensors_.push_back(tensor);
  return Ref::arena(uint64_t{4} * (tensors_.size() - 1));
}

bool Lowering::has_sums() {
  for (; !has_sums_ && searched_ < graph().node_count(); ++searched_) {
    const Node& node = graph().node(searched_);
    has_sums_ = (node.op == Op::conv2d || node.op == Op::matmul) && adds_tensor(*this, node);
  }
  return has_sums_;
}

Ref Lowering::host_target(ValueId id) {
  return Ref::arena(uint64_t{4} * tensor(ref(id)).texture);
}

Result<Ref> Lowering::host_source(ValueId id) {
  Ref from = ref(id);
  if (from.in_weights() || !tensor(from).is_plain()) {
    TRY_ASSIGN(const Ref copy, add_tensor(shape(id).elements(), dtype(id)));
    Kernel kernel;
    kernel.input({from, dtype(id)});
    gpu::finish_kernel(kernel, "", "at4_0(e)");
    TRY(emit_to(kernel, copy));
    from = copy;
  }
  return Ref::arena(uint64_t{4} * tensor(from).texture);
}

Result<bool> Lowering::emit_draw(const Kernel& kernel, const Tensor& out) {
  std::string params, samplers, functions;
  std::vector<uint32_t> words{static_cast<uint32_t>(std::countr_zero(out.width))}, textures;
  const auto param = [&](const char* pattern, uint32_t k, uint32_t bits) {
    gpu::append(params, pattern, {k});
    words.push_back(bits);
  };
  for (uint32_t k = 0; k < kernel.inputs.size(); ++k) {
    const auto& [ref, dtype] = kernel.inputs[k];
    uint32_t lanes = 4;
    if (ref.in_weights()) {
      param("  uint base$0;\n", k, static_cast<uint32_t>(ref.offset() / 16));
      append_weights_texel(functions, k, dtype);
    } else {
      const Tensor& tensor = this->tensor(ref);
      lanes = tensor.lanes;
      const auto unit = static_cast<uint32_t>(textures.size());
      gpu::append(samplers, "uniform $0 s$1;\n", {format_of(dtype).sampler, unit});
      textures.push_back(tensor.texture);
      param("  uint mask$0;\n", k, tensor.width - 1);
      param("  uint shift$0;\n", k, static_cast<uint32_t>(std::countr_zero(tensor.width)));
      if (tensor.layers > 1) {
        param("  uint unit$0;\n", k, tensor.unit);
        param("  float per_unit$0;\n", k, std::bit_cast<uint32_t>(1.0f / static_cast<float>(tensor.unit)));
      }
      append_tensor_texel(functions, k, unit, tensor);
    }
    append_readers(functions, k, dtype, lanes);
  }
  for (const Param& each : kernel.params) {
    gpu::append(params, "  $0 $1;\n", {type_name(each.type), each.name});
    words.push_back(each.bits);
  }
  std::string text = kTop;
  text += gpu::glsl_prologue();
  gpu::append(text,
              "#define T $0\n#define T4 $1\nlayout(std140) uniform Params {\n  uint out_shift;\n$2} P;\n$3",
              {gpu::is_whole(out.dtype) ? "int" : "float", four_type(out.dtype), params, samplers});
  append_stores(text, out);
  gpu::append(text,
              "u32 texel_number() { return (u32(gl_FragCoord.y) << P.out_shift) + u32(gl_FragCoord.x); }\n"
              "u32 inside(i32 i, i32 size) { return u32(~((i | (size - 1 - i)) >> 31)); }\n"
              "vec4f keep(vec4f v, u32 mask) { return uintBitsToFloat(floatBitsToUint(v) & uvec4(mask)); }\n"
              "vec4f weight(u32 t) { return texelFetch(w, ivec2(t & $0u, t >> $1u), 0); }\n$2$3$4",
              {kWeightsMask, kWeightsShift, functions, gpu::expr_functions(gpu::Dialect::Glsl, kernel.text),
               gpu::translate(gpu::Dialect::Glsl, kernel.text)});

  TRY_ASSIGN(const uint32_t at, add_params(words));
  std::vector<uint32_t> step{shader(std::move(text)), at, out.texture, out.width, out.height};
  step.insert(step.end(), textures.begin(), textures.end());
  return append_step(gpu::GpuOp::Draw, step);
}

Result<bool> Lowering::emit_to(Kernel& kernel, Ref out) {
  kernel.text += "void main() { store_0(kernel(texel_number() * 4u)); }\n";
  return emit_draw(kernel, tensor(out));
}

Result<bool> Lowering::emit(Kernel& kernel, ValueId out) {
  return emit_to(kernel, ref(out));
}

void append_window_starts(std::string& text, uint32_t layers) {
  text +=
      "  @u32 first = min(row, P.rows - 1u);\n  @u32 lines = first / P.out_w;\n  @u32 image = lines / "
      "P.out_h;\n  @u32 cx = first - lines * P.out_w;\n  @u32 cy = lines - image * P.out_h;\n";
  for (uint32_t layer = 0; layer < layers; ++layer) {
    if (layer > 0)
      text +=
          "  cx++;\n  cy += u32(cx == P.out_w);\n  cx *= u32(cx != P.out_w);\n  image += u32(cy == "
          "P.out_h);\n"
          "  cy *= u32(cy != P.out_h);\n";
    gpu::append(
        text,
        "  @i32 x$0 = i32(cx) * P.stride_x - P.pad_left;\n  @i32 y$0 = i32(cy) * P.stride_y - P.pad_top;\n"
        "  @i32 n$0 = i32(image) * P.in_h;\n",
        {layer});
  }
}

}  // namespace linnet::webgl2

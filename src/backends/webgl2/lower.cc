#include "backends/webgl2/lower.h"

#include <algorithm>
#include <bit>

#include "backends/gpu/expr_text.h"

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

constexpr char kMain[] =
    R"(u32 texel_number() { return (u32(gl_FragCoord.y) << P.out_shift) + u32(gl_FragCoord.x); }
vec4f weight(u32 t) { return texelFetch(w, ivec2(t & $Mu, t >> $Su), 0); }
)";

std::string replaced(std::string text,
                     std::initializer_list<std::pair<std::string_view, std::string>> marks) {
  for (const auto& [mark, by] : marks)
    for (size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += by.size())
      text.replace(at, mark.size(), by);
  return text;
}

// texel_k of an input among the weights, which lie there as bytes.
std::string weights_texel(const std::string& k, DType dtype) {
  std::string body;
  switch (dtype) {
    case DType::F32:
      body = "return weight(P.base$k + t);";
      break;
    case DType::I32:
      body = "return floatBitsToInt(weight(P.base$k + t));";
      break;
    case DType::F16:
      body =
          "vec4 v = weight(P.base$k + (t >> 1u)); uvec2 h = floatBitsToUint((t & 1u) == 0u ? v.xy : v.zw); "
          "return vec4(unpackHalf2x16(h.x), unpackHalf2x16(h.y));";
      break;
    default:
      body = "u32 b = floatBitsToUint(weight(P.base$k + (t >> 2u))[t & 3u]); ";
      body += dtype == DType::I8 ? "return vec4(ivec4(b << 24u, b << 16u, b << 8u, b) >> 24);"
                                 : "return vec4(b & 255u, (b >> 8u) & 255u, (b >> 16u) & 255u, b >> 24u);";
  }
  return replaced("$T texel_$k(u32 t) { " + body + " }\n",
                  {{"$k", k}, {"$T", gpu::is_whole(dtype) ? "ivec4" : "vec4"}});
}

// pick_k and texel_k of an input in a texture.
std::string tensor_texel(const std::string& k, const std::string& unit, const Tensor& tensor) {
  std::string text =
      "$T pick_$k(u32 i, i32 layer) { return $T(texelFetch(s$u, ivec3(i & P.mask$k, i >> P.shift$k, layer), "
      "0)); }\n";
  if (tensor.layers > 1) {
    // Quotients by reciprocals are exact for texels below 2^22.
    const bool small = uint64_t{tensor.width} * tensor.height * tensor.layers < (1u << 22);
    text += std::string("$T texel_$k(u32 t) {\n  u32 p = ") +
            (small ? "u32((float(t) + 0.5) * P.per_unit$k)" : "t / P.unit$k") + R"(;
  return pick_$k((p >> $Lu) * P.unit$k + t - p * P.unit$k, i32(p & $Mu));
}
)";
  } else if (tensor.lanes == 4) {
    text += "$T texel_$k(u32 t) { return pick_$k(t, 0); }\n";
  }
  return replaced(text, {{"$k", k},
                         {"$u", unit},
                         {"$T", gpu::is_whole(tensor.dtype) ? "ivec4" : "vec4"},
                         {"$L", std::to_string(std::countr_zero(tensor.layers))},
                         {"$M", std::to_string(tensor.layers - 1)}});
}

// at_k and at4_k.
std::string readers(const std::string& k, DType dtype, uint32_t lanes) {
  std::string text = lanes == 4
                         ? "$t at_$k(u32 e) { return texel_$k(e >> 2u)[e & 3u]; }\n"
                           "$T at4_$k(u32 e) { return texel_$k(e >> 2u); }\n"
                         : "$t at_$k(u32 e) { return pick_$k(e / $nu, 0)[e % $nu]; }\n"
                           "$T at4_$k(u32 e) { return $T(at_$k(e), at_$k(e + 1u), at_$k(e + 2u), at_$k(e + "
                           "3u)); }\n";
  const bool whole = gpu::is_whole(dtype);
  return replaced(text, {{"$k", k},
                         {"$t", whole ? "int" : "float"},
                         {"$T", whole ? "ivec4" : "vec4"},
                         {"$n", std::to_string(lanes)}});
}

std::string stores(const Tensor& out) {
  const std::string texel = format_of(out.dtype).texel, value = gpu::is_whole(out.dtype) ? "ivec4" : "vec4";
  const bool bytes = dtype_size(out.dtype) == 1;
  std::string text;
  for (uint32_t layer = 0; layer < out.layers; ++layer) {
    const std::string n = std::to_string(layer);
    text += "layout(location = " + n + ") out " + texel + " o" + n + ";\nvoid store_" + n + "(" + value +
            " v) { o" + n + " = " + (bytes ? texel + "(ivec4(v))" : "v") + "; }\n";
  }
  return text;
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
    TRY(emit_to(std::move(kernel), copy));
    from = copy;
  }
  return Ref::arena(uint64_t{4} * tensor(from).texture);
}

Result<void> Lowering::emit_draw(const Kernel& kernel, const Tensor& out) {
  const std::string result = gpu::is_whole(out.dtype) ? "int" : "float";
  std::string text = std::string(kTop) + std::string(gpu::glsl_prologue()) + "#define T " + result +
                     "\n#define T4 " + (result == "int" ? "ivec4" : "vec4") + "\n";
  std::string params = "layout(std140) uniform Params {\n  uint out_shift;\n", samplers, functions;
  std::vector<uint32_t> words{static_cast<uint32_t>(std::countr_zero(out.width))};
  const auto param = [&](const char* type, const std::string& name, uint32_t bits) {
    params += std::string("  ") + type + " " + name + ";\n";
    words.push_back(bits);
  };
  std::vector<uint32_t> textures;
  for (size_t i = 0; i < kernel.inputs.size(); ++i) {
    const std::string k = std::to_string(i);
    const auto& [ref, dtype] = kernel.inputs[i];
    uint32_t lanes = 4;
    if (ref.in_weights()) {
      param("uint", "base" + k, static_cast<uint32_t>(ref.offset() / 16));
      functions += weights_texel(k, dtype);
    } else {
      const Tensor& tensor = this->tensor(ref);
      lanes = tensor.lanes;
      const std::string unit = std::to_string(textures.size());
      samplers += std::string("uniform ") + format_of(dtype).sampler + " s" + unit + ";\n";
      textures.push_back(tensor.texture);
      param("uint", "mask" + k, tensor.width - 1);
      param("uint", "shift" + k, static_cast<uint32_t>(std::countr_zero(tensor.width)));
      if (tensor.layers > 1) {
        param("uint", "unit" + k, tensor.unit);
        param("float", "per_unit" + k, std::bit_cast<uint32_t>(1.0f / static_cast<float>(tensor.unit)));
      }
      functions += tensor_texel(k, unit, tensor);
    }
    functions += readers(k, dtype, lanes);
  }
  for (const Param& each : kernel.params) param(type_name(each.type), each.name, each.bits);
  text += params + "} P;\n" + samplers + stores(out);
  text += replaced(kMain, {{"$M", std::to_string(gpu::kWeightsWidth - 1)},
                           {"$S", std::to_string(std::countr_zero(gpu::kWeightsWidth))}});
  text += functions + gpu::expr_functions(gpu::Dialect::Glsl, kernel.text) +
          gpu::translate(gpu::Dialect::Glsl, kernel.text);

  TRY_ASSIGN(const uint32_t at, add_params(words));
  std::vector<uint32_t> step{shader(std::move(text)), at, out.texture, out.width, out.height};
  step.insert(step.end(), textures.begin(), textures.end());
  return append_step(gpu::GpuOp::Draw, step);
}

Result<void> Lowering::emit_to(Kernel kernel, Ref out) {
  kernel.text += "void main() { store_0(kernel(texel_number() * 4u)); }\n";
  return emit_draw(kernel, tensor(out));
}

Result<void> Lowering::emit(Kernel kernel, ValueId out) {
  return emit_to(std::move(kernel), ref(out));
}

std::string window_starts(uint32_t layers) {
  std::string text =
      "  @u32 first = min(row, P.rows - 1u);\n  @u32 lines = first / P.out_w;\n  @u32 image = lines / "
      "P.out_h;\n  @u32 cx = first - lines * P.out_w;\n  @u32 cy = lines - image * P.out_h;\n";
  for (uint32_t layer = 0; layer < layers; ++layer) {
    if (layer > 0)
      text +=
          "  cx++;\n  cy += u32(cx == P.out_w);\n  cx *= u32(cx != P.out_w);\n  image += u32(cy == "
          "P.out_h);\n"
          "  cy *= u32(cy != P.out_h);\n";
    const std::string n = std::to_string(layer);
    text += "  @i32 x" + n + " = i32(cx) * P.stride_x - P.pad_left;\n  @i32 y" + n +
            " = i32(cy) * P.stride_y - P.pad_top;\n  @i32 n" + n + " = i32(image) * P.in_h;\n";
  }
  return text;
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

}  // namespace linnet::webgl2

#include "backends/webgpu/lower.h"

#include <algorithm>

#include "backends/gpu/expr_text.h"

namespace linnet::webgpu {

namespace {

using gpu::Param;

// Parameters of a dispatch begin at a multiple of this, as every adapter allows.
constexpr size_t kParamWords = 64;
constexpr uint32_t kFlatWorkgroup = 64;
constexpr uint64_t kMostParamBytes = 65536;

const char* type_name(Param::Type type) {
  return type == Param::Type::U32 ? "u32" : type == Param::Type::I32 ? "i32" : "f32";
}

// The readers of input k: at_k of one element, at4_k of four.
std::string readers(size_t k, bool in_weights, Elements elements) {
  const std::string n = std::to_string(k), base = "P.base" + n;
  const std::string array = in_weights ? "w" : "a";
  if (in_weights || elements == Elements::Fours) {
    const std::string at =
        "fn at_" + n + "(e: u32) -> T { return " + array + "[" + base + " + (e >> 2u)][e & 3u]; }\n";
    if (elements == Elements::Single)
      return at + "fn at4_" + n + "(e: u32) -> T4 { return T4(at_" + n + "(e), at_" + n + "(e + 1u), at_" +
             n + "(e + 2u), at_" + n + "(e + 3u)); }\n";
    return at + "fn at4_" + n + "(e: u32) -> T4 { return " + array + "[" + base + " + (e >> 2u)]; }\n";
  }
  return "fn at_" + n + "(e: u32) -> T { return a[" + base + " + e]; }\nfn at4_" + n +
         "(e: u32) -> T4 { let i = " + base + " + e; return T4(a[i], a[i + 1u], a[i + 2u], a[i + 3u]); }\n";
}

}  // namespace

Result<void> Lowering::emit_entry(const Kernel& kernel, ValueId out, Elements elements, Grid grid) {
  std::string text =
      kernel.bits ? "alias T = u32;\nalias T4 = vec4u;\n" : "alias T = f32;\nalias T4 = vec4f;\n";
  const std::string element = elements == Elements::Fours ? "T4" : "T";
  const uint64_t arena_unit = elements == Elements::Fours ? 16 : 4;
  std::vector<uint32_t> words;
  text += "struct Params {\n  out_base: u32,\n";
  words.push_back(static_cast<uint32_t>(ref(out).offset() / arena_unit));
  for (size_t k = 0; k < kernel.inputs.size(); ++k) {
    text += "  base" + std::to_string(k) + ": u32,\n";
    const Ref input = kernel.inputs[k];
    words.push_back(static_cast<uint32_t>(input.offset() / (input.in_weights() ? 16 : arena_unit)));
  }
  for (const Param& param : kernel.params) {
    text += "  " + param.name + ": " + type_name(param.type) + ",\n";
    words.push_back(param.bits);
  }
  text += "}\n@group(0) @binding(0) var<storage, read_write> a: array<" + element +
          ">;\n@group(0) @binding(1) var<storage, read> w: array<T4>;\n@group(0) @binding(2) var<uniform> P: "
          "Params;\n";
  for (size_t k = 0; k < kernel.inputs.size(); ++k)
    text += readers(k, kernel.inputs[k].in_weights(), elements);
  const std::string body = gpu::translate(gpu::Dialect::Wgsl, kernel.text);
  if (kernel.uses_exprs) text += gpu::expr_functions(gpu::Dialect::Wgsl, kernel.text);
  text += body;

  if (words.size() * sizeof(uint32_t) > kMostParamBytes)
    return fail(ErrorCode::TooLarge, "a kernel of %zu parameters", words.size());
  const size_t at = plan().params.size();
  plan().params.insert(plan().params.end(), words.begin(), words.end());
  plan().params.resize(static_cast<size_t>(align_up(plan().params.size(), kParamWords)));
  plan().param_bytes = std::max<uint64_t>(plan().param_bytes, (plan().params.size() - at) * sizeof(uint32_t));
  for (uint32_t size : {grid.x, grid.y, grid.z})
    if (size > target().max_workgroups) return fail(ErrorCode::TooLarge, "a dispatch of %u workgroups", size);
  const uint32_t step[] = {shader(std::move(text)), static_cast<uint32_t>(at * sizeof(uint32_t)), grid.x,
                           grid.y, grid.z};
  append_step(gpu::GpuOp::Dispatch, step);
  return {};
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
      "P.count) { a[P.out_base + i] = kernel(i * 4u); }\n}\n";
  return emit_entry(kernel, out, Elements::Fours, {x, (groups + x - 1) / x, 1});
}

Result<bool> Lowering::lower_special(const Node& node) {
  switch (node.op) {
    case Op::conv2d:
      return lower_conv2d(*this, node);
    case Op::depthwise_conv2d:
      return lower_depthwise_conv2d(*this, node);
    case Op::matmul:
      return lower_matmul(*this, node);
    case Op::softmax:
      return lower_softmax(*this, node);
    default:
      return false;
  }
}

}  // namespace linnet::webgpu

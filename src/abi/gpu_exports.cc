// The functions of the module for GPUs: one plan, from flat words to what the host creates and replays.
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "abi/layout.h"
#include "graph/flat.h"
#include "graph/op_def.h"
#include "runtime/compile_gpu.h"

namespace linnet {

namespace {

// Of ops this module knows only what the flat graph tells: rules of shapes and references stay in the
// engine's module.
[[clang::no_destroy]] std::vector<OpDef> op_facts;

}  // namespace

const OpDef& op_def(Op op) {
  return op_facts[static_cast<size_t>(op)];
}

namespace abi {
namespace {

static_assert(kGpuApiWebGpu == u32(gpu::Api::WebGpu) && kGpuApiWebGl2 == u32(gpu::Api::WebGl2));
static_assert(kGpuDispatch == u32(gpu::GpuOp::Dispatch) && kGpuCpuStep == u32(gpu::GpuOp::CpuStep) &&
              kGpuDraw == u32(gpu::GpuOp::Draw) && kGpuWeightsWidth == gpu::kWeightsWidth);

struct OpenPlan {
  GpuSetup setup{};
  std::vector<u32> words;
  FlatGraph flat;
  gpu::GpuPlan plan;
  std::vector<PortInfo> inputs, outputs;
  std::vector<GpuShader> shaders;
  std::vector<GpuPiece> pieces;
  std::vector<u32> places;  // of all steps on the CPU
  std::vector<u32> step_nodes;
  std::vector<GpuCpuStep> cpu_steps;
  std::vector<GpuTexture> textures;
  GpuInfo info{};
  Buffer packed;
  std::optional<Error> error;
  ErrorInfo error_info{};
};

[[clang::no_destroy]] OpenPlan open;

ptr address(const void* memory) {
  return reinterpret_cast<uintptr_t>(memory);
}

u32 keep(const Error& error) {
  open.error = error;
  return 0;
}

ptr given(const Result<ptr>& result) {
  return result ? *result : keep(result.error());
}

ptr place_of(Ref ref) {
  return static_cast<ptr>(ref.offset()) + (ref.in_weights() ? kGpuInWeights : 0);
}

PortInfo describe_port(const PlanPort& port) {
  PortInfo info = {
      .name = address(port.name.data()),
      .name_bytes = static_cast<u32>(port.name.size()),
      .dtype = static_cast<u32>(port.dtype),
      .rank = static_cast<u32>(port.shape.rank()),
      .dims = {},
      .data = place_of(port.ref),
      .bytes = static_cast<u32>(port.shape.elements()) * static_cast<u32>(dtype_size(port.dtype))};
  for (int axis = 0; axis < port.shape.rank(); ++axis) info.dims[axis] = static_cast<u32>(port.shape[axis]);
  return info;
}

void describe_cpu_steps() {
  std::vector<size_t> first;
  for (const gpu::CpuStep& step : open.plan.cpu_steps) {
    first.push_back(open.places.size());
    for (const PlanPort& port : step.inputs) open.places.push_back(place_of(port.ref));
    for (const PlanPort& port : step.outputs) open.places.push_back(place_of(port.ref));
    open.cpu_steps.push_back({step.first, step.last, 0, static_cast<u32>(step.inputs.size()),
                              static_cast<u32>(step.outputs.size())});
  }
  for (size_t i = 0; i < first.size(); ++i) open.cpu_steps[i].places = address(open.places.data() + first[i]);
}

Result<ptr> compile() {
  TRY_ASSIGN(open.flat, unflatten_graph(open.words));
  op_facts.clear();
  for (const FlatOp& op : open.flat.ops)
    op_facts.push_back({"", 0, op.max_inputs, 1, {}, op.traits, 0, nullptr, nullptr, nullptr, {}});
  const gpu::Target target{.api = static_cast<gpu::Api>(open.setup.api),
                           .software = open.setup.software != 0,
                           .f16 = open.setup.f16 != 0,
                           .f16_arithmetic = open.setup.f16_arithmetic != 0,
                           .min_subgroup = open.setup.min_subgroup,
                           .max_subgroup = open.setup.max_subgroup,
                           .max_binding_bytes = static_cast<uint64_t>(open.setup.max_binding_bytes),
                           .max_workgroups = open.setup.max_workgroups,
                           .max_texture_size = open.setup.max_texture_size};
  TRY_ASSIGN(open.plan, compile_gpu(open.flat.graph, target));
  const gpu::GpuPlan& plan = open.plan;
  for (const PlanPort& port : plan.inputs) open.inputs.push_back(describe_port(port));
  for (const PlanPort& port : plan.outputs) open.outputs.push_back(describe_port(port));
  for (const std::string& text : plan.shaders)
    open.shaders.push_back({address(text.data()), static_cast<u32>(text.size())});
  for (const gpu::WeightPiece& piece : plan.weights)
    open.pieces.push_back({static_cast<u32>(piece.offset), static_cast<u32>(piece.bytes), piece.source});
  for (const gpu::Texture& texture : plan.textures)
    open.textures.push_back(
        {texture.width, texture.height, texture.layers, texture.lanes, static_cast<u32>(texture.dtype)});
  for (uint32_t node : plan.step_nodes) open.step_nodes.push_back(plan.node_ids[node]);
  describe_cpu_steps();
  open.info = {.inputs = address(open.inputs.data()),
               .input_count = static_cast<u32>(open.inputs.size()),
               .outputs = address(open.outputs.data()),
               .output_count = static_cast<u32>(open.outputs.size()),
               .steps = static_cast<u32>(plan.step_nodes.size()),
               .step_nodes = address(open.step_nodes.data()),
               .words = address(plan.words.data()),
               .word_count = static_cast<u32>(plan.words.size()),
               .shaders = address(open.shaders.data()),
               .shader_count = static_cast<u32>(open.shaders.size()),
               .pieces = address(open.pieces.data()),
               .piece_count = static_cast<u32>(open.pieces.size()),
               .cpu_steps = address(open.cpu_steps.data()),
               .cpu_step_count = static_cast<u32>(open.cpu_steps.size()),
               .textures = address(open.textures.data()),
               .texture_count = static_cast<u32>(open.textures.size()),
               .params = address(plan.params.data()),
               .params_bytes = static_cast<u32>(plan.params.size() * sizeof(uint32_t)),
               .most_param_bytes = static_cast<u32>(plan.param_bytes),
               .arena_bytes = static_cast<u32>(plan.arena_bytes),
               .lower_bound_bytes = static_cast<u32>(plan.lower_bound_bytes),
               .weights_bytes = static_cast<u32>(plan.weights_bytes)};
  return address(&open.info);
}

Result<ptr> source_room(u32 piece, u32 bytes) {
  if (piece >= open.pieces.size() || open.pieces[piece].source == kNone)
    return fail(ErrorCode::InvalidArgument, "piece %u of the weights has no constant behind it", piece);
  Buffer& room = *open.flat.constants[open.pieces[piece].source];
  TRY_ASSIGN(room, Buffer::allocate(bytes));
  return address(room.data());
}

Result<ptr> pack(u32 number) {
  if (number >= open.pieces.size())
    return fail(ErrorCode::InvalidArgument, "the weights have no piece %u", number);
  const GpuPiece& piece = open.pieces[number];
  const bool has_source = piece.source != kNone;
  if (has_source &&
      open.flat.constants[piece.source]->size() < open.flat.graph.value(piece.source).constant.bytes())
    return fail(ErrorCode::WrongSize, "piece %u of the weights lacks its constant", number);
  if (open.packed.size() < piece.bytes) {
    open.packed = {};
    TRY_ASSIGN(open.packed, Buffer::allocate(piece.bytes));
  }
  std::memset(open.packed.data(), 0, piece.bytes);
  open.plan.weights[number].fill(open.packed.data());
  if (has_source) *open.flat.constants[piece.source] = {};
  return address(open.packed.data());
}

}  // namespace

#define LINNET_ABI_GPU_FUNCTION(result, name, arguments) \
  extern "C" __attribute__((export_name(#name))) result linnet_##name arguments;
#include "abi/abi.def"

u32 linnet_gpu_abi_hash() {
  return layout_hash();
}

ptr linnet_gpu_last_error() {
  const bool any = open.error.has_value();
  const std::string_view text = any ? open.error->detail() : "";
  open.error_info = {.code = any ? static_cast<u32>(open.error->code()) : 0,
                     .text = address(text.data()),
                     .text_bytes = static_cast<u32>(text.size())};
  return address(&open.error_info);
}

ptr linnet_gpu_setup(u32 word_count) {
  open.words.resize(word_count);
  open.setup.words = address(open.words.data());
  return address(&open.setup);
}

ptr linnet_gpu_compile() {
  return given(compile());
}

ptr linnet_gpu_source(u32 piece, u32 bytes) {
  return given(source_room(piece, bytes));
}

ptr linnet_gpu_pack(u32 piece) {
  return given(pack(piece));
}

}  // namespace abi

}  // namespace linnet

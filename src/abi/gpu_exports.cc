// The functions of the module for GPUs: one plan, from flat words to what the host creates and replays.
#include <cstring>
#include <optional>
#include <vector>

#include "abi/layout.h"
#include "abi/memory.h"
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
  std::vector<u32> lists;  // what the info lists, one after the other
  GpuInfo info{};
  Buffer packed;
  std::optional<Error> error;
  ErrorInfo error_info{};
};

[[clang::no_destroy]] OpenPlan open;

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

void put(const u32* words, size_t count) {
  open.lists.insert(open.lists.end(), words, words + count);
}

// Appends a struct of words to the lists.
template <class Record>
void put(const Record& record) {
  put(reinterpret_cast<const u32*>(&record), sizeof record / sizeof(u32));
}

// Where a list begins, as info has it until all are there.
ptr here() {
  return static_cast<ptr>(open.lists.size() * sizeof(u32));
}

void put_ports(const std::vector<PlanPort>& ports) {
  for (const PlanPort& port : ports) {
    PortInfo info = {
        .name = address(port.name.data()),
        .name_bytes = static_cast<u32>(port.name.size()),
        .dtype = static_cast<u32>(port.dtype),
        .rank = static_cast<u32>(port.shape.rank()),
        .dims = {},
        .data = place_of(port.ref),
        .bytes = static_cast<u32>(port.shape.elements()) * static_cast<u32>(dtype_size(port.dtype))};
    for (int axis = 0; axis < port.shape.rank(); ++axis) info.dims[axis] = static_cast<u32>(port.shape[axis]);
    put(info);
  }
}

void put_places(const std::vector<PlanPort>& ports) {
  for (const PlanPort& port : ports) put(place_of(port.ref));
}

void describe(const gpu::GpuPlan& plan) {
  GpuInfo& info = open.info;
  info.input_count = static_cast<u32>(plan.inputs.size());
  info.output_count = static_cast<u32>(plan.outputs.size());
  info.steps = static_cast<u32>(plan.step_nodes.size());
  info.words = address(plan.words.data());
  info.word_count = static_cast<u32>(plan.words.size());
  info.shader_count = static_cast<u32>(plan.shaders.size());
  info.piece_count = static_cast<u32>(plan.weights.size());
  info.cpu_step_count = static_cast<u32>(plan.cpu_steps.size());
  info.texture_count = static_cast<u32>(plan.textures.size());
  info.params = address(plan.params.data());
  info.params_bytes = static_cast<u32>(plan.params.size() * sizeof(uint32_t));
  info.most_param_bytes = static_cast<u32>(plan.param_bytes);
  info.arena_bytes = static_cast<u32>(plan.arena_bytes);
  info.lower_bound_bytes = static_cast<u32>(plan.lower_bound_bytes);
  info.weights_bytes = static_cast<u32>(plan.weights_bytes);
  info.inputs = here();
  put_ports(plan.inputs);
  info.outputs = here();
  put_ports(plan.outputs);
  info.step_nodes = here();
  for (uint32_t node : plan.step_nodes) put(plan.node_ids[node]);
  info.shaders = here();
  for (const std::string& text : plan.shaders)
    put(GpuShader{address(text.data()), static_cast<u32>(text.size())});
  info.pieces = here();
  for (const gpu::WeightPiece& piece : plan.weights)
    put(GpuPiece{static_cast<u32>(piece.offset), static_cast<u32>(piece.bytes), piece.source});
  info.textures = here();
  for (const gpu::Texture& texture : plan.textures)
    put(GpuTexture{texture.width, texture.height, texture.layers, texture.lanes,
                   static_cast<u32>(texture.dtype)});
  info.places = here();
  for (const gpu::CpuStep& step : plan.cpu_steps) {
    put_places(step.inputs);
    put_places(step.outputs);
  }
  info.cpu_steps = here();
  u32 places = 0;
  for (const gpu::CpuStep& step : plan.cpu_steps) {
    const auto inputs = static_cast<u32>(step.inputs.size()), outputs = static_cast<u32>(step.outputs.size());
    put(GpuCpuStep{step.first, step.last, places, inputs, outputs});
    places += inputs + outputs;
  }
  for (ptr* list : {&info.inputs, &info.outputs, &info.step_nodes, &info.shaders, &info.pieces,
                    &info.textures, &info.places, &info.cpu_steps})
    *list += address(open.lists.data());
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
  describe(open.plan);
  return address(&open.info);
}

Result<ptr> source_room(u32 piece, u32 bytes) {
  if (piece >= open.plan.weights.size() || open.plan.weights[piece].source == kNone)
    return fail(ErrorCode::InvalidArgument, "piece %u of the weights has no constant behind it", piece);
  Buffer& room = *open.flat.constants[open.plan.weights[piece].source];
  TRY_ASSIGN(room, Buffer::allocate(bytes));
  return address(room.data());
}

Result<ptr> pack(u32 number) {
  if (number >= open.plan.weights.size())
    return fail(ErrorCode::InvalidArgument, "the weights have no piece %u", number);
  const gpu::WeightPiece& piece = open.plan.weights[number];
  const bool has_source = piece.source != kNone;
  if (has_source &&
      open.flat.constants[piece.source]->size() < open.flat.graph.value(piece.source).constant.bytes())
    return fail(ErrorCode::WrongSize, "piece %u of the weights lacks its constant", number);
  if (open.packed.size() < piece.bytes) {
    open.packed = {};
    TRY_ASSIGN(open.packed, Buffer::allocate(piece.bytes));
  }
  std::memset(open.packed.data(), 0, static_cast<size_t>(piece.bytes));
  piece.fill(open.packed.data());
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

// The functions that the module exports: handles and flat memory outside, Results and objects inside.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "abi/heap.h"
#include "abi/host_blocks.h"
#include "abi/image_spec.h"
#include "abi/layout.h"
#include "abi/memory.h"
#include "base/digest.h"
#include "base/handles.h"
#include "formats/tfjs/tfjs_model.h"
#include "graph/flat.h"
#include "graph/op_def.h"
#include "graph/subgraph.h"
#include "graph/verify.h"
#include "passes/pipeline.h"
#include "runtime/compile.h"
#include "runtime/profile.h"
#include "vision/preprocess.h"

namespace linnet::abi {
namespace {

static_assert(kMaxRank == Shape::kMaxRank);
static_assert(kDTypeF32 == u32(DType::F32) && kDTypeF16 == u32(DType::F16) && kDTypeI32 == u32(DType::I32) &&
              kDTypeI8 == u32(DType::I8) && kDTypeU8 == u32(DType::U8) && kDTypeBool == u32(DType::Bool));
static_assert(kImageRgba == u32(PixelFormat::Rgba) && kImageI420 == u32(PixelFormat::I420) &&
              kImageNv12 == u32(PixelFormat::Nv12));
static_assert(kMatrixBt601 == u32(YuvMatrix::Bt601) && kMatrixBt709 == u32(YuvMatrix::Bt709));

struct OpenModel {
  std::unique_ptr<TfjsModel> tfjs;
  std::vector<ShardInfo> shards;
  ShardRoom room;
  Digest digest;  // of the shards, one after the other
  ModelInfo info;
};

// An input that images fill.
struct ImageInput {
  u32 input;
  PreprocessSpec spec;
  Preprocessor preprocessor;
  Buffer pixels;
};

struct OpenSession {
  std::unique_ptr<Session> session;
  std::vector<PortInfo> inputs;
  std::vector<PortInfo> outputs;
  SessionInfo info;
  std::optional<ImageInput> image;
  // The latest profile: NodeInfos.
  Buffer nodes;
  ProfileInfo profile;
};

// A graph for the module that compiles it for a GPU.
struct OpenGraph {
  Graph graph;
  std::vector<u32> words;
  std::vector<u32> constant_bytes;
  Buffer constant;  // that the host reads
  std::vector<PlanNode> nodes;
  std::vector<NodeInfo> node_infos;
  GraphInfo info;
};

// What a handle names: one of the three.
struct Object {
  std::unique_ptr<OpenModel> model;
  std::unique_ptr<OpenSession> session;
  std::unique_ptr<OpenGraph> graph;
};

struct State {
  HandleTable<Object> handles;
  std::optional<Error> error;
  ErrorInfo error_info;
  HeapMark heap_mark;
};

[[clang::no_destroy]] State state;

// Keeps the error of a failed call for last_error, and gives 0.
u32 keep(const Error& error) {
  state.error = error;
  return 0;
}

Result<OpenModel*> find_model(u32 handle) {
  Object* object = state.handles.get(handle);
  if (object == nullptr || !object->model)
    return fail(ErrorCode::BadHandle, "%u is not an open model", handle);
  return object->model.get();
}

Result<OpenSession*> find_session(u32 handle) {
  Object* object = state.handles.get(handle);
  if (object == nullptr || !object->session)
    return fail(ErrorCode::BadHandle, "%u is not an open session", handle);
  return object->session.get();
}

Result<OpenGraph*> find_graph(u32 handle) {
  Object* object = state.handles.get(handle);
  if (object == nullptr || !object->graph)
    return fail(ErrorCode::BadHandle, "%u is not an open graph", handle);
  return object->graph.get();
}

Result<u32> open_model(std::string_view json, bool outside) {
  TRY_ASSIGN(auto tfjs, TfjsModel::parse(json));
  if (outside) tfjs->keep_outside(host_blocks());
  auto model = std::make_unique<OpenModel>();
  model->tfjs = std::move(tfjs);
  for (size_t i = 0; i < model->tfjs->shard_count(); ++i) {
    const std::string_view path = model->tfjs->shard_path(i);
    model->shards.push_back({address(path.data()), static_cast<u32>(path.size())});
  }
  const std::string& metadata = model->tfjs->metadata_json();
  model->info = {.weights_bytes = static_cast<f64>(model->tfjs->weights_bytes()),
                 .shards = address(model->shards.data()),
                 .shard_count = static_cast<u32>(model->shards.size()),
                 .metadata = address(metadata.data()),
                 .metadata_bytes = static_cast<u32>(metadata.size()),
                 .digest_low = 0,
                 .digest_high = 0};
  return state.handles.add(std::make_unique<Object>(Object{std::move(model), nullptr, nullptr}));
}

Result<ptr> find_shard_room(u32 handle, u32 shard) {
  TRY_ASSIGN(OpenModel * model, find_model(handle));
  TRY_ASSIGN(const std::span<std::byte> room, model->tfjs->shard_room(shard));
  model->room = {address(room.data()), static_cast<u32>(room.size())};
  return address(&model->room);
}

Result<u32> count_filled(u32 handle, u32 shard, u32 bytes) {
  TRY_ASSIGN(OpenModel * model, find_model(handle));
  if (bytes <= model->room.bytes) model->digest.add({at<const std::byte>(model->room.data), bytes});
  model->info.digest_low = static_cast<u32>(model->digest.value());
  model->info.digest_high = static_cast<u32>(model->digest.value() >> 32);
  TRY(model->tfjs->shard_filled(shard, bytes));
  return 1;
}

Result<u32> end_shard(u32 handle, u32 shard) {
  TRY_ASSIGN(OpenModel * model, find_model(handle));
  TRY(model->tfjs->shard_end(shard));
  return 1;
}

// Gives the rank.
u32 copy_dims(const Shape& shape, u32* dims) {
  for (int axis = 0; axis < shape.rank(); ++axis) dims[axis] = static_cast<u32>(shape[axis]);
  return static_cast<u32>(shape.rank());
}

PortInfo describe_port(const PlanPort& port, const TensorView& view) {
  PortInfo info = {.name = address(port.name.data()),
                   .name_bytes = static_cast<u32>(port.name.size()),
                   .dtype = static_cast<u32>(port.dtype),
                   .rank = 0,
                   .dims = {},
                   .data = address(view.data),
                   .bytes = static_cast<u32>(view.bytes())};
  info.rank = copy_dims(port.shape, info.dims);
  return info;
}

Result<Graph> graph_of(u32 handle, const CompileSpec& spec) {
  TRY_ASSIGN(OpenModel * model, find_model(handle));
  TfjsOptions options;
  options.batch = static_cast<int>(spec.batch);
  for (u32 i = 0; i < spec.shape_count; ++i) {
    const InputShape& shape = at<const InputShape>(spec.shapes)[i];
    if (shape.rank > kMaxRank)
      return fail(ErrorCode::InvalidArgument, "an input shape of rank %u; at most %u is possible", shape.rank,
                  kMaxRank);
    options.input_shapes[std::string(text_at(shape.name, shape.name_bytes))].assign(shape.dims,
                                                                                    shape.dims + shape.rank);
  }
  return model->tfjs->to_graph(options);
}

// Compiles a graph for the CPU and opens a session on it.
Result<u32> open_session(Graph graph, u32 threads, bool measured_threads) {
  auto open = std::make_unique<OpenSession>();
  CompileReport report;
  TRY_ASSIGN(
      open->session,
      compile_cpu(std::move(graph),
                  {.threads = static_cast<int>(threads), .measured_threads = measured_threads}, &report));
  Session& session = *open->session;
  for (size_t i = 0; i < session.inputs().size(); ++i)
    open->inputs.push_back(describe_port(session.inputs()[i], session.input(i)));
  for (size_t i = 0; i < session.outputs().size(); ++i)
    open->outputs.push_back(describe_port(session.outputs()[i], session.output(i)));
  const Plan& plan = session.plan();
  open->info = {.macs = static_cast<f64>(report.macs),
                .inputs = address(open->inputs.data()),
                .input_count = static_cast<u32>(open->inputs.size()),
                .outputs = address(open->outputs.data()),
                .output_count = static_cast<u32>(open->outputs.size()),
                .steps = static_cast<u32>(plan.step_count),
                .threads = static_cast<u32>(session.threads()),
                .arena_bytes = static_cast<u32>(plan.arena_bytes),
                .lower_bound_bytes = static_cast<u32>(plan.lower_bound_bytes),
                .scratch_bytes = static_cast<u32>(plan.total_arena_bytes() - plan.scratch_offset),
                .weights_bytes = static_cast<u32>(plan.weights_bytes()),
                .resident_bytes = static_cast<u32>(session.resident_bytes())};
  return state.handles.add(std::make_unique<Object>(Object{nullptr, std::move(open), nullptr}));
}

Result<u32> compile_session(u32 model, const CompileSpec& spec) {
  TRY_ASSIGN(Graph graph, graph_of(model, spec));
  return open_session(std::move(graph), spec.threads, spec.measured_threads != 0);
}

NodeInfo describe_node(const PlanNode& node, const NodeProfile& profile) {
  const char* op = op_def(node.op).name;
  NodeInfo info = {.name = address(node.name.data()),
                   .name_bytes = static_cast<u32>(node.name.size()),
                   .op = address(op),
                   .op_bytes = static_cast<u32>(std::strlen(op)),
                   .kernel = address(profile.kernel),
                   .kernel_bytes = static_cast<u32>(std::strlen(profile.kernel)),
                   .dtype = static_cast<u32>(node.dtype),
                   .window = {static_cast<u32>(node.window[0]), static_cast<u32>(node.window[1])},
                   .input_rank = 0,
                   .input = {},
                   .output_rank = 0,
                   .output = {},
                   .steps = profile.steps,
                   .macs = static_cast<f64>(node.macs),
                   .ms = profile.ms};
  info.input_rank = copy_dims(node.input, info.input);
  info.output_rank = copy_dims(node.output, info.output);
  return info;
}

Result<u32> open_graph(u32 model, const CompileSpec& spec) {
  auto open = std::make_unique<OpenGraph>();
  TRY_ASSIGN(open->graph, graph_of(model, spec));
  Graph& graph = open->graph;
  TRY(verify(graph));
  // GPUs have no kernels for codes.
  graph.ranges.clear();
  TRY(run_passes(graph));
  open->words = flatten_graph(graph);
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Tensor& constant = graph.value(id).constant;
    open->constant_bytes.push_back(constant.empty() ? 0 : static_cast<u32>(constant.bytes()));
  }
  for (const Node& node : graph.nodes()) open->nodes.push_back(plan_node(graph, node));
  for (const PlanNode& node : open->nodes) open->node_infos.push_back(describe_node(node, {.kernel = ""}));
  open->info = {.macs = 0,
                .words = address(open->words.data()),
                .word_count = static_cast<u32>(open->words.size()),
                .constant_bytes = address(open->constant_bytes.data()),
                .nodes = address(open->node_infos.data()),
                .node_count = static_cast<u32>(open->node_infos.size())};
  for (const Node& node : graph.nodes()) open->info.macs += static_cast<f64>(node_macs(graph, node));
  return state.handles.add(std::make_unique<Object>(Object{nullptr, nullptr, std::move(open)}));
}

Result<Tensor> constant_of(const OpenGraph& open, u32 value) {
  if (value >= open.constant_bytes.size() || open.constant_bytes[value] == 0)
    return fail(ErrorCode::InvalidArgument, "value %u of the graph has no elements", value);
  return open.graph.value(value).constant;
}

Result<u32> find_block(u32 handle, u32 value) {
  TRY_ASSIGN(OpenGraph * open, find_graph(handle));
  TRY_ASSIGN(const Tensor constant, constant_of(*open, value));
  const HostBlock* block = constant.block();
  return block != nullptr ? block->number() : 0;
}

Result<ptr> find_constant(u32 handle, u32 value) {
  TRY_ASSIGN(OpenGraph * open, find_graph(handle));
  TRY_ASSIGN(Tensor constant, constant_of(*open, value));
  if (!constant.is_lazy()) return address(constant.data());
  open->constant = {};
  TRY_ASSIGN(open->constant, constant.take());
  return address(open->constant.data());
}

Result<u32> compile_nodes(u32 handle, u32 first, u32 last) {
  TRY_ASSIGN(OpenGraph * open, find_graph(handle));
  if (last >= open->graph.node_count())
    return fail(ErrorCode::InvalidArgument, "the graph has no node %u", last);
  if (first <= last) return open_session(extract_nodes(open->graph, first, last), 1, false);
  Graph inputs;
  for (const GraphPort& port : open->graph.inputs) {
    const Value& value = open->graph.value(port.value);
    inputs.inputs.push_back({port.name, inputs.add_input(port.name, value.dtype, value.shape)});
  }
  inputs.outputs = inputs.inputs;
  return open_session(std::move(inputs), 1, false);
}

Result<ptr> profile_session(u32 handle, u32 runs) {
  TRY_ASSIGN(OpenSession * open, find_session(handle));
  TRY_ASSIGN(const std::vector<NodeProfile> rows, profile(*open->session, static_cast<int>(runs)));
  TRY_ASSIGN(open->nodes, Buffer::allocate(rows.size() * sizeof(NodeInfo)));
  for (size_t i = 0; i < rows.size(); ++i)
    reinterpret_cast<NodeInfo*>(open->nodes.data())[i] =
        describe_node(open->session->plan().nodes[rows[i].node], rows[i]);
  open->profile = {address(open->nodes.data()), static_cast<u32>(rows.size())};
  return address(&open->profile);
}

Result<ptr> prepare_image(u32 handle, u32 input, const ImageSpec& image) {
  TRY_ASSIGN(OpenSession * open, find_session(handle));
  if (input >= open->inputs.size())
    return fail(ErrorCode::InvalidArgument, "the model has %zu inputs, there is no input %u",
                open->inputs.size(), input);
  open->image.reset();
  TRY_ASSIGN(const PreprocessSpec spec, preprocess_spec(image));
  if (image.format > kImageNv12 || image.matrix > kMatrixBt709)
    return fail(ErrorCode::InvalidArgument, "there is no image format %u with the matrix %u", image.format,
                image.matrix);
  const ImageFormat format = {
      .width = static_cast<int>(image.width),
      .height = static_cast<int>(image.height),
      .pixels = static_cast<PixelFormat>(image.format),
      .colours = {.matrix = static_cast<YuvMatrix>(image.matrix), .full_range = image.full_range != 0}};
  const auto& [view, quantization] = open->session->image_entry(input);
  TRY_ASSIGN(Preprocessor preprocessor,
             Preprocessor::create(format, {view.dtype, view.shape, quantization}, spec));
  TRY_ASSIGN(Buffer pixels, Buffer::allocate(packed_bytes(format)));
  open->image.emplace(ImageInput{input, spec, std::move(preprocessor), std::move(pixels)});
  return address(open->image->pixels.data());
}

Result<u32> load_image(u32 handle, u32 input) {
  TRY_ASSIGN(OpenSession * open, find_session(handle));
  if (!open->image || open->image->input != input)
    return fail(ErrorCode::InvalidArgument, "input %u has not been prepared for images", input);
  Preprocessor& preprocessor = open->image->preprocessor;
  preprocessor.run(
      packed_view(preprocessor.format(), reinterpret_cast<const uint8_t*>(open->image->pixels.data())),
      open->session->image_entry(input).view);
  open->session->image_entered();
  return 1;
}

u32 given(const Result<u32>& result) {
  return result ? *result : keep(result.error());
}

}  // namespace

#define LINNET_ABI_FUNCTION(result, name, arguments) \
  extern "C" __attribute__((export_name(#name))) result linnet_##name arguments;
#include "abi/abi.def"

u32 linnet_abi_hash() {
  return layout_hash();
}

ptr linnet_last_error() {
  const bool any = state.error.has_value();
  const std::string_view text = any ? state.error->detail() : "";
  state.error_info = {.code = any ? static_cast<u32>(state.error->code()) : 0,
                      .text = address(text.data()),
                      .text_bytes = static_cast<u32>(text.size())};
  return address(&state.error_info);
}

ptr linnet_heap_mark() {
  const HeapCount& count = heap_count();
  state.heap_mark = {.allocations = static_cast<f64>(count.allocations),
                     .live_blocks = static_cast<f64>(count.live_blocks),
                     .live_bytes = static_cast<f64>(count.live_bytes),
                     .peak_bytes = static_cast<f64>(count.peak_bytes)};
  return address(&state.heap_mark);
}

u32 linnet_live_handles() {
  return state.handles.live();
}

ptr linnet_alloc(u32 bytes) {
  const size_t rounded = static_cast<size_t>(align_up(bytes > 0 ? bytes : 1, kTensorAlignment));
  void* block = bytes <= PTRDIFF_MAX ? std::aligned_alloc(kTensorAlignment, rounded) : nullptr;
  if (block == nullptr) keep(fail(ErrorCode::OutOfMemory, "could not allocate %u bytes", bytes).error());
  return address(block);
}

void linnet_release(ptr block) {
  std::free(at<void>(block));
}

u32 linnet_model_open(ptr json, u32 bytes, u32 outside) {
  return given(open_model(text_at(json, bytes), outside != 0));
}

ptr linnet_model_info(u32 model) {
  const Result<OpenModel*> open = find_model(model);
  return open ? address(&(*open)->info) : keep(open.error());
}

ptr linnet_shard_room(u32 model, u32 shard) {
  return given(find_shard_room(model, shard));
}

u32 linnet_shard_filled(u32 model, u32 shard, u32 bytes) {
  return given(count_filled(model, shard, bytes));
}

u32 linnet_shard_end(u32 model, u32 shard) {
  return given(end_shard(model, shard));
}

u32 linnet_session_compile(u32 model, ptr compile_spec) {
  return given(compile_session(model, *at<const CompileSpec>(compile_spec)));
}

u32 linnet_graph_open(u32 model, ptr compile_spec) {
  return given(open_graph(model, *at<const CompileSpec>(compile_spec)));
}

ptr linnet_graph_info(u32 graph) {
  const Result<OpenGraph*> open = find_graph(graph);
  return open ? address(&(*open)->info) : keep(open.error());
}

ptr linnet_graph_constant(u32 graph, u32 value) {
  return given(find_constant(graph, value));
}

u32 linnet_graph_block(u32 graph, u32 value) {
  return given(find_block(graph, value));
}

u32 linnet_graph_session(u32 graph, u32 first, u32 last) {
  return given(compile_nodes(graph, first, last));
}

ptr linnet_session_info(u32 session) {
  const Result<OpenSession*> open = find_session(session);
  return open ? address(&(*open)->info) : keep(open.error());
}

u32 linnet_session_wake(u32 session) {
  const Result<OpenSession*> open = find_session(session);
  if (!open) return keep(open.error());
  (*open)->session->wake();
  return 1;
}

u32 linnet_session_run(u32 session) {
  const Result<OpenSession*> open = find_session(session);
  if (!open) return keep(open.error());
  (*open)->session->run();
  (*open)->info.threads = static_cast<u32>((*open)->session->threads());
  return 1;
}

ptr linnet_session_profile(u32 session, u32 runs) {
  return given(profile_session(session, runs));
}

ptr linnet_image_prepare(u32 session, u32 input, ptr image_spec) {
  return given(prepare_image(session, input, *at<const ImageSpec>(image_spec)));
}

u32 linnet_image_load(u32 session, u32 input) {
  return given(load_image(session, input));
}

u32 linnet_close(u32 handle) {
  if (state.handles.remove(handle)) return 1;
  return keep(fail(ErrorCode::BadHandle, "%u is not an open model, session or graph", handle).error());
}

}  // namespace linnet::abi

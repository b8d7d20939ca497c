#include "backends/gpu/lower.h"

#include <algorithm>

#include "base/half.h"
#include "graph/op_def.h"
#include "graph/subgraph.h"

namespace linnet::gpu {

namespace {

LowerFunction lowering_of(Op op) {
  switch (op) {
    case Op::cast:
      return lower_cast;
    case Op::concat:
      return lower_concat;
    case Op::conv2d:
      return lower_conv2d;
    case Op::conv2d_transpose:
      return lower_conv2d_transpose;
    case Op::depthwise_conv2d:
      return lower_depthwise_conv2d;
    case Op::elementwise:
      return lower_elementwise;
    case Op::matmul:
      return lower_matmul;
    case Op::pad:
      return lower_pad;
    case Op::avg_pool:
    case Op::max_pool:
      return lower_pool;
    case Op::reduce:
      return lower_reduce;
    case Op::resize_bilinear:
      return lower_resize_bilinear;
    case Op::slice:
      return lower_slice;
    case Op::layer_norm:
      return [](Lowering& lowering, const Node& node) { return lowering.lower_layer_norm(node); };
    case Op::softmax:
      return lower_softmax;
    case Op::transpose:
      return lower_transpose;
    default:
      return nullptr;
  }
}

}  // namespace

Lowering::Lowering(const Graph& graph, const Target& target, std::vector<Ref> refs, GpuPlan& plan)
    : graph_(graph),
      target_(target),
      refs_(std::move(refs)),
      half_refs_(graph.value_count(), Ref::none()),
      plan_(plan) {}

Ref Lowering::ref(ValueId id) {
  if (!refs_[id].is_none()) return refs_[id];
  const Tensor& constant = graph_.value(id).constant;
  CHECK(!constant.empty());
  refs_[id] = add_weights(constant.bytes(), id, [constant](std::byte* to) {
    if (constant.bytes() > 0) std::memcpy(to, constant.data(), constant.bytes());
  });
  return refs_[id];
}

Operand Lowering::operand(ValueId id) {
  const Value& value = graph_.value(id);
  if (!value.is_constant() || value.dtype != DType::F32 || weight_type_ == DType::F32)
    return {ref(id), value.dtype};
  const auto count = static_cast<uint32_t>(value.shape.elements());
  if (half_refs_[id].is_none())
    half_refs_[id] = pack_weights(id, 1, count, [count](uint32_t, uint32_t* elements) {
                       for (uint32_t i = 0; i < count; ++i) elements[i] = i;
                     }).ref;
  return {half_refs_[id], DType::F16};
}

Operand Lowering::pack_weights(ValueId source, uint32_t rows, uint32_t length,
                               std::function<void(uint32_t row, uint32_t* elements)> choose) {
  const Tensor constant = graph_.value(source).constant;
  const DType type = weight_type();
  const auto fill = [constant, type, rows, length, choose = std::move(choose)](std::byte* to) {
    std::vector<uint32_t> elements(length);
    const float* values = constant.as<float>();
    for (uint32_t row = 0; row < rows; ++row, to += length * dtype_size(type)) {
      choose(row, elements.data());
      for (uint32_t i = 0; i < length; ++i) {
        const float value = elements[i] == kNone ? 0 : values[elements[i]];
        if (type == DType::F32)
          reinterpret_cast<float*>(to)[i] = value;
        else  // What a half cannot hold becomes the largest that it can: masks stay masks.
          reinterpret_cast<uint16_t*>(to)[i] = float_to_half(std::clamp(value, -65504.0f, 65504.0f));
      }
    }
  };
  return {add_weights(uint64_t{rows} * length * dtype_size(type), source, fill), type};
}

Ref Lowering::add_weights(uint64_t bytes, ValueId source, std::function<void(std::byte*)> fill) {
  const uint64_t offset = plan_.weights_bytes,
                 padded = align_up(std::max<uint64_t>(bytes, 1), kTensorAlignment);
  plan_.weights_bytes += padded;
  plan_.weights.push_back({offset, padded, source, std::move(fill)});
  return Ref::weights(offset);
}

uint32_t Lowering::shader(std::string text) {
  const auto found = std::find(plan_.shaders.begin(), plan_.shaders.end(), text);
  const auto number = static_cast<uint32_t>(found - plan_.shaders.begin());
  if (found == plan_.shaders.end()) plan_.shaders.push_back(std::move(text));
  return number;
}

Result<void> Lowering::run() {
  for (NodeId id = 0; id < graph_.node_count(); ++id)
    if (auto lowered = lower_node(id); !lowered)
      return std::unexpected(lowered.error().within(describe(graph_.node(id))));
  TRY(flush_cpu());
  for (const GraphPort& port : graph_.inputs)
    plan_.inputs.push_back(port_of(port.name, port.value, host_target(port.value)));
  // Outputs that are constants get a place too.
  for (const GraphPort& port : graph_.outputs) {
    TRY_ASSIGN(const Ref place, host_source(port.value));
    plan_.outputs.push_back(port_of(port.name, port.value, place));
  }
  return {};
}

PlanPort Lowering::port_of(const std::string& name, ValueId id, Ref place) const {
  return {name, dtype(id), shape(id), place};
}

Result<bool> Lowering::lower_special(const Node& node) {
  switch (node.op) {
    case Op::conv2d:
    case Op::matmul:
      return lower_product(node);
    case Op::depthwise_conv2d:
      return lower_depthwise_conv2d(node);
    case Op::softmax:
      return lower_softmax(node);
    default:
      return false;
  }
}

Result<void> Lowering::lower_node(NodeId id) {
  const Node& node = graph_.node(id);
  if ((op_def(node.op).traits & kTraitView) != 0) {
    refs_[node.outputs[0]] = ref(node.inputs[0]);
    return {};
  }
  if (shape(node.outputs[0]).elements() == 0) return {};
  node_ = static_cast<uint32_t>(plan_.node_names.size());
  plan_.node_names.push_back(node.name);
  plan_.node_ids.push_back(id);
  const auto is_half = [&](ValueId input) { return dtype(input) == DType::F16; };
  weight_type_ =
      node.op != Op::depthwise_conv2d && std::any_of(node.inputs.begin(), node.inputs.end(), is_half)
          ? DType::F16
          : DType::F32;
  const bool fits = node.inputs.size() <= most_inputs();
  bool lowered = false;
  if (fits) {
    TRY_ASSIGN(lowered, lower_special(node));
  }
  if (const LowerFunction lower = lowering_of(node.op); fits && !lowered && lower != nullptr) {
    TRY_ASSIGN(lowered, lower(*this, node));
  }
  if (lowered) return {};
  for (const std::vector<ValueId>* values : {&node.inputs, &node.outputs})
    for (ValueId value : *values)
      if (dtype(value) == DType::F16) return fail(ErrorCode::UnsupportedOp, "it is not computed in f16");
  if (cpu_first_ == kNone) cpu_first_ = id;
  cpu_last_ = id;
  cpu_node_ = node_;
  return {};
}

Result<bool> Lowering::append_step(GpuOp op, std::span<const uint32_t> parameters) {
  TRY(flush_cpu());
  plan_.append_step(op, node_, parameters);
  return true;
}

void Lowering::add_own_inputs(Kernel& kernel, const Node& node) {
  for (int i = 0; i < own_inputs(node); ++i) kernel.input(operand(node.inputs[static_cast<size_t>(i)]));
}

Result<void> Lowering::flush_cpu() {
  if (cpu_first_ == kNone) return {};
  const NodeId first = cpu_first_, last = cpu_last_;
  cpu_first_ = cpu_last_ = kNone;
  const Boundary boundary = boundary_of(graph_, first, last);
  CpuStep step{first, last, {}, {}};
  for (ValueId id : boundary.inputs) {
    TRY_ASSIGN(const Ref place, host_source(id));
    step.inputs.push_back(port_of(graph_.value(id).name, id, place));
  }
  for (ValueId id : boundary.outputs)
    step.outputs.push_back(port_of(graph_.value(id).name, id, host_target(id)));
  const auto number = static_cast<uint32_t>(plan_.cpu_steps.size());
  plan_.cpu_steps.push_back(std::move(step));
  plan_.append_step(GpuOp::CpuStep, cpu_node_, std::span(&number, 1));
  return {};
}

Result<uint32_t> Lowering::add_params(std::span<const uint32_t> words) {
  // A step's parameters begin at a multiple of this, as every adapter allows, and lie within this.
  constexpr size_t kParamWords = 64, kMostWords = 4096;
  if (words.size() > kMostWords) return fail(ErrorCode::TooLarge, "a kernel of %zu parameters", words.size());
  const size_t at = plan_.params.size();
  plan_.params.insert(plan_.params.end(), words.begin(), words.end());
  plan_.params.resize(static_cast<size_t>(align_up(plan_.params.size(), kParamWords)));
  plan_.param_bytes = std::max<uint64_t>(plan_.param_bytes, (plan_.params.size() - at) * sizeof(uint32_t));
  return static_cast<uint32_t>(at * sizeof(uint32_t));
}

void store_as_halves(Graph& graph, size_t most_inputs) {
  // Views lie where their operands do.
  std::vector<ValueId> roots(graph.value_count());
  std::vector<bool> exact(graph.value_count());
  const auto keep = [&](ValueId id) { exact[roots[id]] = true; };
  for (ValueId id = 0; id < graph.value_count(); ++id) roots[id] = id;
  for (const Node& node : graph.nodes()) {
    const bool is_view = (op_def(node.op).traits & kTraitView) != 0;
    if (is_view) roots[node.outputs[0]] = roots[node.inputs[0]];
    const bool on_cpu = !is_view && (lowering_of(node.op) == nullptr || node.inputs.size() > most_inputs);
    bool operands = on_cpu || node.op == Op::softmax, results = operands || node.op == Op::reduce;
    for (ValueId id : node.inputs) operands = operands || graph.value(id).shape.elements() == 0;
    if (operands)
      for (ValueId id : node.inputs) keep(id);
    if (operands || results)
      for (ValueId id : node.outputs) keep(id);
  }
  for (const GraphPort& port : graph.outputs) keep(port.value);
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Value& value = graph.value(id);
    if (value.dtype != DType::F32 || value.producer == kNone || value.shape.rank() == 0 ||
        value.shape.back() % 4 != 0)
      keep(id);
  }
  for (ValueId id = 0; id < graph.value_count(); ++id)
    if (!exact[roots[id]]) graph.value(id).dtype = DType::F16;
}

bool is_float(DType dtype) {
  return dtype == DType::F32 || dtype == DType::F16;
}

bool has_float_operands(const Graph& graph, const Node& node) {
  return std::all_of(node.inputs.begin(), node.inputs.begin() + own_inputs(node),
                     [&](ValueId id) { return is_float(graph.value(id).dtype); });
}

bool can_overwrite(const Graph& graph, const Node& node, size_t input) {
  const Value &result = graph.value(node.outputs[0]), &operand = graph.value(node.inputs[input]);
  if (operand.dtype != result.dtype || !(operand.shape == result.shape)) return false;
  if (node.op == Op::elementwise) return true;
  return (op_def(node.op).traits & kTraitEpilogue) != 0 && input >= static_cast<size_t>(own_inputs(node));
}

std::string add_epilogue(Lowering& lowering, Kernel& kernel, const Node& node, const ExprText& value,
                         std::string& body) {
  const Expr* expr = node.attrs.get_expr(Attr::epilogue);
  if (expr == nullptr) return value.text;
  std::vector<ExprText> operands{value};
  for (size_t i = static_cast<size_t>(own_inputs(node)); i < node.inputs.size(); ++i) {
    const ValueId id = node.inputs[i];
    const IndexMap map = broadcast_map(lowering.shape(id), lowering.shape(node.outputs[0]));
    operands.push_back(kernel.operand(kernel.input(lowering.operand(id)), map, "e"));
  }
  return kernel.expression(*expr, operands, body).text;
}

void add_epilogue_function(Lowering& lowering, Kernel& kernel, const Node& node) {
  std::string body;
  const std::string value = add_epilogue(lowering, kernel, node, {"raw"}, body);
  append(kernel.text, "@fn vec4f epilogue(vec4f raw, u32 e) {\n$0  return $1;\n}\n", {body, value});
}

void finish_kernel(Kernel& kernel, const std::string& body, const std::string& value) {
  append(kernel.text, "@fn T4 kernel(u32 e) {\n$0  return $1;\n}\n", {body, value});
}

Result<bool> finish_elements(Lowering& lowering, Kernel& kernel, const Node& node, bool fours) {
  const bool whole = is_whole(lowering.dtype(node.inputs[0]));
  std::string body =
      text_of(fours ? "  @$0 raw = element(e);\n"
                    : "  @$0 raw = $0(element(e), element(e + 1u), element(e + 2u), element(e + 3u));\n",
              {whole ? "vec4i" : "vec4f"});
  std::string value = add_epilogue(lowering, kernel, node, {"raw", whole}, body);
  // A mean of codes is one.
  if (lowering.dtype(node.outputs[0]) == DType::I8) value = text_of("round4($0)", {value});
  finish_kernel(kernel, body, value);
  return lowering.emit(kernel, node.outputs[0]);
}

}  // namespace linnet::gpu

#include "backends/cpu/lower.h"

#include <algorithm>
#include <bit>

#include "backends/cpu/epilogue.h"
#include "backends/cpu/lower/gemm_step.h"
#include "backends/cpu/lower/requantisation.h"
#include "backends/cpu/params.h"
#include "graph/op_def.h"

namespace linnet::cpu {

namespace {

LowerFunction lowering_of(Op op) {
  switch (op) {
    case Op::conv2d:
      return lower_conv2d;
    case Op::conv2d_transpose:
      return lower_conv2d_transpose;
    case Op::matmul:
      return lower_matmul;
    case Op::depthwise_conv2d:
      return lower_depthwise_conv2d;
    case Op::avg_pool:
    case Op::max_pool:
      return lower_pool;
    case Op::elementwise:
      return lower_elementwise;
    case Op::reduce:
      return lower_reduce;
    case Op::softmax:
      return lower_softmax;
    case Op::resize_bilinear:
      return lower_resize_bilinear;
    case Op::concat:
      return lower_concat;
    case Op::pad:
      return lower_pad;
    case Op::layer_norm:
      return lower_layer_norm;
    case Op::slice:
      return lower_slice;
    case Op::transpose:
      return lower_transpose;
    case Op::quantized_conv2d:
      return lower_quantized_conv2d;
    case Op::quantized_depthwise_conv2d:
      return lower_quantized_depthwise_conv2d;
    case Op::dynamic_matmul:
      return lower_dynamic_matmul;
    case Op::quantize:
      return lower_quantize;
    case Op::dequantize:
      return lower_dequantize;
    case Op::quantized_add:
      return lower_quantized_add;
    case Op::lookup:
      return lower_lookup;
    default:
      return nullptr;
  }
}

}  // namespace

Lowering::Lowering(const Graph& graph, std::vector<Ref> refs, Plan& plan, int threads, int64_t parallel_cost)
    : graph_(graph), refs_(std::move(refs)), plan_(plan), threads_(threads), parallel_cost_(parallel_cost) {}

Ref Lowering::ref(ValueId id) {
  if (!refs_[id].is_none()) return refs_[id];
  const Tensor& constant = graph_.value(id).constant;
  CHECK(!constant.empty());
  refs_[id] = add_weights(constant.bytes(), constant, {}, [](std::byte*) {});
  return refs_[id];
}

Ref Lowering::add_weights(uint64_t bytes, std::function<void(std::byte*)> fill) {
  return add_weights(bytes, {}, [fill = std::move(fill)](const Tensor&, std::byte* to) { fill(to); }, {});
}

Ref Lowering::add_weights(uint64_t bytes, Tensor source, std::function<void(const Tensor&, std::byte*)> fill,
                          std::function<void(std::byte*)> rearrange) {
  weights_bytes_ += align_up(bytes, kTensorAlignment);
  tasks_.push_back({bytes, std::move(source), std::move(fill), std::move(rearrange)});
  return Ref::constant(tasks_.size() - 1);
}

void Lowering::reserve_zeros() {
  int64_t count = 0;
  for (const Node& node : graph_.nodes()) {
    if (node.op != Op::conv2d && node.op != Op::conv2d_transpose && node.op != Op::depthwise_conv2d) continue;
    const Shape& weights = shape(node.inputs[1]);
    count = std::max(count, int64_t{shape(node.inputs[0]).back()} * weights[1]);
  }
  zeros_ = add_weights(static_cast<uint64_t>(count) * sizeof(float), [](std::byte*) {});
}

uint32_t Lowering::held_rows(ValueId id) const {
  const auto held = held_rows_.find(id);
  return held != held_rows_.end() ? held->second : static_cast<uint32_t>(shape(id)[0] * shape(id)[1]);
}

void Lowering::emit(PlanOp op, uint32_t units, int64_t cost, std::span<const uint32_t> parameters,
                    uint32_t least_chunk) {
  if (chain_ != nullptr) return chain_->add(op, cost, parameters);
  const uint32_t threads = cost < parallel_cost_ ? 1 : std::min(units, static_cast<uint32_t>(threads_));
  // A step that is just worth sharing makes two chunks; more would not pay for their claims.
  const int64_t chunk = cost > 0 ? int64_t{units} * parallel_cost_ / (2 * cost) : 1;
  plan_.append_step({op, 0, units, node_, std::max(threads, 1u),
                     static_cast<uint32_t>(std::clamp<int64_t>(chunk, std::max(least_chunk, 1u), units))},
                    parameters);
}

void Lowering::need_scratch(uint64_t bytes) {
  if (chain_ != nullptr) {
    chain_->scratch_bytes = std::max(chain_->scratch_bytes, bytes);
    return;
  }
  plan_.scratch_bytes = std::max(plan_.scratch_bytes, align_up(bytes, kTensorAlignment));
}

Result<void> Lowering::run(bool only_reference, std::span<const RowChain> chains) {
  reserve_zeros();
  std::vector<const RowChain*> chain_of(graph_.node_count());
  for (const RowChain& chain : chains)
    for (NodeId id : chain.nodes) chain_of[id] = &chain;
  for (NodeId id = 0; id < graph_.node_count(); ++id) {
    const RowChain* chain = chain_of[id];
    if (chain != nullptr && chain->nodes.back() != id) continue;
    auto lowered = chain != nullptr ? lower_chain(*chain) : lower_node(id, only_reference);
    if (!lowered) return std::unexpected(lowered.error().within(describe(graph_.node(id))));
  }
  // Outputs that are constants get a place too.
  for (const GraphPort& port : graph_.outputs) ref(port.value);
  return {};
}

Result<void> Lowering::lower_node(NodeId id, bool only_reference) {
  const Node& node = graph_.node(id);
  if ((op_def(node.op).traits & kTraitView) != 0) {
    refs_[node.outputs[0]] = ref(node.inputs[0]);
    return {};
  }
  node_ = static_cast<uint32_t>(plan_.nodes.size());
  plan_.nodes.push_back(plan_node(graph_, node));
  if (shape(node.outputs[0]).elements() == 0) return {};
  const LowerFunction lower = only_reference ? nullptr : lowering_of(node.op);
  if (lower != nullptr) {
    TRY_ASSIGN(const bool lowered, lower(*this, node));
    if (lowered) return {};
  }
  return lower_reference(node);
}

void Lowering::ChainState::add(PlanOp op, int64_t step_cost, std::span<const uint32_t> parameters) {
  window.op = static_cast<uint32_t>(op);
  window.words = static_cast<uint32_t>(parameters.size());
  append_params(words, window);
  words.insert(words.end(), parameters.begin(), parameters.end());
  cost += step_cost;
  ++stages;
}

Result<void> Lowering::lower_chain(const RowChain& chain) {
  ChainState state;
  uint64_t held_bytes = 0;
  for (size_t i = 0; i + 1 < chain.nodes.size(); ++i) {
    const ValueId result = graph_.node(chain.nodes[i]).outputs[0];
    const uint64_t row_bytes = static_cast<uint64_t>(shape(result)[2]) * shape(result)[3] * sizeof(float);
    refs_[result] = Ref::scratch(held_bytes);
    held_rows_[result] = chain.held_rows[i];
    held_bytes += align_up(chain.held_rows[i] * row_bytes, kTensorAlignment);
  }
  const Node& first = graph_.node(chain.nodes.front());
  const Node& last = graph_.node(chain.nodes.back());
  node_ = static_cast<uint32_t>(plan_.nodes.size());
  plan_.nodes.push_back({.name = chain.name,
                         .op = last.op,
                         .dtype = graph_.value(first.inputs[0]).dtype,
                         .window = {},
                         .input = shape(first.inputs[0]),
                         .output = shape(last.outputs[0]),
                         .macs = 0});
  chain_ = &state;
  for (size_t i = 0; i < chain.nodes.size(); ++i) {
    const Node& node = graph_.node(chain.nodes[i]);
    plan_.nodes[node_].macs += node_macs(graph_, node);
    state.window = chain.windows[i];
    state.rows = chain.fresh_rows[i];
    TRY_ASSIGN(const bool lowered, lowering_of(node.op)(*this, node));
    CHECK(lowered && state.stages == i + 1);
  }
  chain_ = nullptr;
  const Shape& y = shape(last.outputs[0]);
  std::vector<uint32_t> words;
  append_params(words, RowChainParams{state.stages, chain.group_rows, static_cast<uint32_t>(held_bytes)});
  words.insert(words.end(), state.words.begin(), state.words.end());
  need_scratch(held_bytes + state.scratch_bytes);
  // A thread takes its share as a whole: every claim computes the rows again that it shares with the one
  // before.
  const auto units = static_cast<uint32_t>(y[0] * y[1]), threads = static_cast<uint32_t>(threads_);
  emit(PlanOp::RowChain, units, state.cost, words, (units + threads - 1) / threads);
  return {};
}

Result<void> Lowering::lower_reference(const Node& node) {
  if (node.inputs.size() + node.outputs.size() > kMaxReferenceTensors)
    return fail(ErrorCode::TooLarge, "%zu operands, at most %u are supported", node.inputs.size(),
                kMaxReferenceTensors);
  std::vector<uint32_t> words;
  append_params(words, ReferenceParams{static_cast<uint32_t>(plan_.reference_nodes.size()),
                                       static_cast<uint32_t>(node.inputs.size()),
                                       static_cast<uint32_t>(node.outputs.size())});
  for (const std::vector<ValueId>* values : {&node.inputs, &node.outputs})
    for (ValueId id : *values) {
      ReferenceTensor tensor{ref(id),
                             static_cast<uint32_t>(graph_.value(id).dtype),
                             static_cast<uint32_t>(shape(id).rank()),
                             {}};
      std::copy(shape(id).dims().begin(), shape(id).dims().end(), tensor.dims);
      append_params(words, tensor);
    }
  plan_.reference_nodes.push_back(node);
  emit(PlanOp::Reference, 1, 0, words);
  return {};
}

Result<void> Lowering::pack() {
  if (weights_bytes_ > kMaxArenaBytes)
    return fail(ErrorCode::TooLarge, "the weights take %llu bytes, at most %llu are possible",
                static_cast<unsigned long long>(weights_bytes_),
                static_cast<unsigned long long>(kMaxArenaBytes));
  plan_.weights.resize(tasks_.size());
  // Large ones first: what is packed in more bytes than it was stored in then fits where larger ones were.
  for (int bits = 64; bits >= 0; --bits)
    for (size_t i = 0; i < tasks_.size(); ++i) {
      if (static_cast<int>(std::bit_width(tasks_[i].bytes)) != bits) continue;
      TRY_ASSIGN(plan_.weights[i], run_task(std::move(tasks_[i])));
    }
  return {};
}

// The source goes with the task.
Result<Buffer> Lowering::run_task(PackTask task) {
  if (task.rearrange && task.source.bytes() == task.bytes) {
    TRY_ASSIGN(Buffer own, task.source.take());
    task.rearrange(own.data());
    return own;
  }
  if (!task.source.empty()) TRY(task.source.prepare());
  TRY_ASSIGN(Buffer packed, Buffer::allocate(task.bytes));
  std::memset(packed.data(), 0, packed.size());
  task.fill(task.source, packed.data());
  return packed;
}

bool can_overwrite(const Graph& graph, const Node& node, size_t input) {
  const Shape& result = graph.value(node.outputs[0]).shape;
  if (!(graph.value(node.inputs[input]).shape == result)) return false;
  switch (node.op) {
    case Op::elementwise:
    case Op::softmax:
    case Op::quantized_add:
      return true;
    case Op::layer_norm:
      return input == 0;
    case Op::lookup:
      return input == 0;
    case Op::conv2d:
    case Op::depthwise_conv2d:
      // The kernel's epilogue reads an element of its operand just before it writes that element of the
      // result; the reference writes all raw results first.
      return input >= static_cast<size_t>(own_inputs(node)) && has_row_epilogue(graph, node) &&
             (node.op == Op::conv2d ? has_constant_weights(graph, node) : has_depthwise_kernel(graph, node));
    case Op::quantized_conv2d:
      // A residual is read where the result is written, just before.
      return input == 4 && has_quantized_kernel(graph, node);
    default:
      return false;
  }
}

}  // namespace linnet::cpu

#include "plan/plan.h"

#include <cstdio>
#include <cstring>

#include "graph/op_def.h"

namespace linnet {

const char* plan_op_name(PlanOp op) {
  switch (op) {
#define LINNET_PLAN_OP(name, number) \
  case PlanOp::name:                 \
    return #name;
#include "plan/plan_isa.def"
#undef LINNET_PLAN_OP
  }
  return nullptr;
}

PlanNode plan_node(const Graph& graph, const Node& node) {
  const Value& output = graph.value(node.outputs[0]);
  const Value& input = node.inputs.empty() ? output : graph.value(node.inputs[0]);
  PlanNode described = {.name = node.name,
                        .op = node.op,
                        .dtype = node.op == Op::dynamic_matmul ? DType::I8 : input.dtype,
                        .window = {},
                        .input = input.shape,
                        .output = output.shape,
                        .macs = node_macs(graph, node)};
  if (node.op == Op::conv2d || node.op == Op::depthwise_conv2d || node.op == Op::conv2d_transpose ||
      node.op == Op::quantized_conv2d || node.op == Op::quantized_depthwise_conv2d) {
    const Shape& weights = graph.value(node.inputs[1]).shape;
    described.window[0] = weights[0];
    described.window[1] = weights[1];
  } else if (node.op == Op::avg_pool || node.op == Op::max_pool) {
    const std::span<const int64_t> kernel = node.attrs.get_ints(Attr::kernel);
    described.window[0] = static_cast<int32_t>(kernel[0]);
    described.window[1] = static_cast<int32_t>(kernel[1]);
  }
  return described;
}

void Plan::append_step(const StepHeader& header, std::span<const uint32_t> parameters) {
  StepHeader complete = header;
  CHECK(parameters.size() <= UINT16_MAX);
  complete.words = static_cast<uint16_t>(parameters.size());
  const size_t at = words.size();
  words.resize(at + kHeaderWords + parameters.size());
  std::memcpy(words.data() + at, &complete, sizeof complete);
  if (!parameters.empty())
    std::memcpy(words.data() + at + kHeaderWords, parameters.data(), parameters.size_bytes());
  ++step_count;
}

uint64_t Plan::weights_bytes() const {
  uint64_t bytes = 0;
  for (const Buffer& constant : weights) bytes += constant.size();
  return bytes;
}

Result<void> verify_plan(const Plan& plan) {
  size_t at = 0, steps = 0;
  while (at < plan.words.size()) {
    if (plan.words.size() - at < kHeaderWords)
      return fail(ErrorCode::MalformedPlan, "step %zu is cut off at word %zu", steps, at);
    StepHeader header;
    std::memcpy(&header, plan.words.data() + at, sizeof header);
    if (plan_op_name(header.op) == nullptr)
      return fail(ErrorCode::MalformedPlan, "step %zu has the unknown opcode %u", steps,
                  static_cast<unsigned>(header.op));
    if (header.words > plan.words.size() - at - kHeaderWords)
      return fail(ErrorCode::MalformedPlan, "step %zu is cut off at word %zu", steps, at);
    if (header.node >= plan.nodes.size())
      return fail(ErrorCode::MalformedPlan, "step %zu names node %u, which does not exist", steps,
                  header.node);
    at += kHeaderWords + header.words;
    ++steps;
  }
  if (steps != plan.step_count)
    return fail(ErrorCode::MalformedPlan, "%zu steps, expected %zu", steps, plan.step_count);
  if (plan.input_codes) {
    const bool usable = plan.inputs.size() == 1 && steps > 0;
    if (!usable || plan.input_codes->ref.in_weights() || plan.input_codes->ref.is_none() ||
        plan.input_codes->ref.offset() + static_cast<uint64_t>(plan.inputs[0].shape.elements()) >
            plan.arena_bytes)
      return fail(ErrorCode::MalformedPlan, "the codes of the input do not lie in the arena");
  }
  for (const std::vector<PlanPort>* ports : {&plan.inputs, &plan.outputs})
    for (const PlanPort& port : *ports) {
      const uint64_t bytes = static_cast<uint64_t>(port.shape.elements()) * dtype_size(port.dtype);
      const Ref ref = port.ref;
      const bool inside =
          ref.in_weights() ? ref.number() < plan.weights.size() && bytes <= plan.weights[ref.number()].size()
                           : !ref.is_none() && ref.offset() + bytes <= plan.arena_bytes;
      if (!inside)
        return fail(ErrorCode::MalformedPlan, "port '%s' does not lie in its memory", port.name.c_str());
    }
  return {};
}

std::string print_plan(const Plan& plan) {
  std::string text;
  char line[200];
  size_t step = 0;
  for_each_step(plan, [&](const StepHeader& header, const uint32_t*) {
    std::snprintf(line, sizeof line, "%4zu %-14s units %-6u threads %-2u chunk %-5u %3u words  ", step++,
                  plan_op_name(header.op), header.units, header.threads, header.chunk, header.words);
    text += line + plan.nodes[header.node].name + "\n";
  });
  return text;
}

}  // namespace linnet

#include "backends/gpu/plan.h"

#include <cstdio>

#include "base/format.h"

namespace linnet::gpu {

const char* gpu_op_name(GpuOp op) {
  switch (op) {
#define LINNET_GPU_OP(name, number) \
  case GpuOp::name:                 \
    return #name;
#include "backends/gpu/gpu_isa.def"
#undef LINNET_GPU_OP
  }
  return nullptr;
}

void GpuPlan::append_step(GpuOp op, uint32_t node, std::span<const uint32_t> parameters) {
  words.push_back(static_cast<uint32_t>(op) | static_cast<uint32_t>(parameters.size()) << 16);
  words.insert(words.end(), parameters.begin(), parameters.end());
  step_nodes.push_back(node);
}

namespace {

Result<void> verify_port(const GpuPlan& plan, const PlanPort& port) {
  const uint64_t bytes = static_cast<uint64_t>(port.shape.elements()) * dtype_size(port.dtype);
  if (!plan.textures.empty()) {
    const uint64_t number = port.ref.offset() / 4;
    if (!port.ref.is_none() && !port.ref.in_weights() && number < plan.textures.size()) {
      const Texture& texture = plan.textures[static_cast<size_t>(number)];
      if (texture.layers == 1 && texture.dtype == port.dtype &&
          uint64_t{texture.width} * texture.height * texture.lanes * dtype_size(port.dtype) >= bytes)
        return {};
    }
    return fail(ErrorCode::MalformedPlan, "'%s' does not lie in its texture", port.name.c_str());
  }
  const uint64_t limit = port.ref.in_weights() ? plan.weights_bytes : plan.arena_bytes;
  if (port.ref.is_none() || port.ref.offset() + bytes > limit)
    return fail(ErrorCode::MalformedPlan, "'%s' does not lie in its memory", port.name.c_str());
  return {};
}

Result<void> verify_draw(const GpuPlan& plan, std::span<const uint32_t> parameters) {
  const auto wrong = [] { return fail(ErrorCode::MalformedPlan, "a draw whose parts do not exist"); };
  if (parameters.size() < 5 || parameters[0] >= plan.shaders.size() ||
      parameters[1] / 4 >= plan.params.size() || parameters[1] % 256 != 0)
    return wrong();
  const uint32_t target = parameters[2];
  if (target >= plan.textures.size()) return wrong();
  const Texture& texture = plan.textures[target];
  const uint32_t width = parameters[3], height = parameters[4];
  if (width == 0 || width > texture.width || height == 0 || height > texture.height) return wrong();
  // A shader must not read what it writes.
  for (uint32_t read : parameters.subspan(5))
    if (read >= plan.textures.size() || read == target) return wrong();
  return {};
}

Result<void> verify_step(const GpuPlan& plan, uint32_t max_workgroups, GpuOp op,
                         std::span<const uint32_t> parameters) {
  switch (op) {
    case GpuOp::Dispatch:
      if (parameters.size() != 5) break;
      if (parameters[0] >= plan.shaders.size() || parameters[1] / 4 >= plan.params.size() ||
          parameters[1] % 256 != 0)
        return fail(ErrorCode::MalformedPlan, "a dispatch of shader %u with parameters at %u", parameters[0],
                    parameters[1]);
      for (int i = 2; i < 5; ++i)
        if (parameters[static_cast<size_t>(i)] == 0 || parameters[static_cast<size_t>(i)] > max_workgroups)
          return fail(ErrorCode::MalformedPlan, "a dispatch of %u workgroups along one dimension",
                      parameters[static_cast<size_t>(i)]);
      return {};
    case GpuOp::Draw:
      return verify_draw(plan, parameters);
    case GpuOp::CpuStep:
      if (parameters.size() == 1 && parameters[0] < plan.cpu_steps.size()) return {};
      break;
  }
  return fail(ErrorCode::MalformedPlan, "a step of opcode %u and %zu parameters", static_cast<unsigned>(op),
              parameters.size());
}

}  // namespace

Result<void> verify_gpu_plan(const GpuPlan& plan, uint32_t max_workgroups) {
  size_t steps = 0;
  for (size_t at = 0; at < plan.words.size(); ++steps) {
    const size_t count = plan.words[at] >> 16;
    if (count > plan.words.size() - at - 1)
      return fail(ErrorCode::MalformedPlan, "step %zu is cut off at word %zu", steps, at);
    TRY(verify_step(plan, max_workgroups, static_cast<GpuOp>(plan.words[at] & 0xffffu),
                    std::span(plan.words).subspan(at + 1, count)));
    at += 1 + count;
  }
  if (steps != plan.step_nodes.size())
    return fail(ErrorCode::MalformedPlan, "%zu steps, expected %zu", steps, plan.step_nodes.size());
  for (uint32_t node : plan.step_nodes)
    if (node >= plan.node_names.size()) return fail(ErrorCode::MalformedPlan, "there is no node %u", node);
  for (const std::vector<PlanPort>* ports : {&plan.inputs, &plan.outputs})
    for (const PlanPort& port : *ports) TRY(verify_port(plan, port));
  for (const CpuStep& step : plan.cpu_steps)
    for (const std::vector<PlanPort>* ports : {&step.inputs, &step.outputs})
      for (const PlanPort& port : *ports) TRY(verify_port(plan, port));
  uint64_t end = 0;
  for (const WeightPiece& piece : plan.weights) {
    if (piece.offset < end || piece.bytes > plan.weights_bytes ||
        piece.offset > plan.weights_bytes - piece.bytes)
      return fail(ErrorCode::MalformedPlan, "weights at %llu do not lie in their memory",
                  static_cast<unsigned long long>(piece.offset));
    end = piece.offset + piece.bytes;
  }
  return {};
}

std::string print_gpu_plan(const GpuPlan& plan) {
  char line[160];
  std::snprintf(line, sizeof line, "arena %llu, weights %llu in %zu pieces, %zu words of parameters\n",
                static_cast<unsigned long long>(plan.arena_bytes),
                static_cast<unsigned long long>(plan.weights_bytes), plan.weights.size(), plan.params.size());
  std::string text = line;
  for (const Texture& texture : plan.textures) {
    std::snprintf(line, sizeof line, "texture %u x %u x %u of %u %s\n", texture.width, texture.height,
                  texture.layers, texture.lanes, dtype_name(texture.dtype));
    text += line;
  }
  size_t step = 0;
  for_each_gpu_step(plan, [&](GpuOp op, std::span<const uint32_t> parameters) {
    std::snprintf(line, sizeof line, "%4zu %-9s", step, gpu_op_name(op));
    text += line;
    for (uint32_t parameter : parameters) text += " " + decimal(parameter);
    text += "  " + plan.node_names[plan.step_nodes[step++]] + "\n";
  });
  for (size_t i = 0; i < plan.shaders.size(); ++i)
    text += "shader " + decimal(i) + "\n" + plan.shaders[i] + "\n";
  return text;
}

}  // namespace linnet::gpu

#include "tests/ops/gpu_plans.h"

#include <vector>

#include "graph/op_def.h"
#include "passes/pipeline.h"
#include "runtime/compile_gpu.h"
#include "tests/ops/files.h"
#include "vision/frame_shader.h"

namespace linnet::tests {

namespace {

std::string list(std::span<const uint32_t> values) {
  std::string text = "[";
  for (uint32_t value : values) text += (text.size() > 1 ? "," : "") + std::to_string(value);
  return text + "]";
}

std::string ports(const std::vector<PlanPort>& ports) {
  std::string text = "[";
  for (const PlanPort& port : ports) {
    const auto bytes = static_cast<size_t>(port.shape.elements()) * dtype_size(port.dtype);
    text += std::string(text.size() > 1 ? "," : "") + "{\"name\": " + quoted(port.name) + ", \"dtype\": \"" +
            dtype_name(port.dtype) + "\", \"shape\": " + port.shape.to_string() +
            ", \"bytes\": " + std::to_string(bytes) + ", \"place\": " + std::to_string(port.ref.offset()) +
            ", \"inWeights\": " + (port.ref.in_weights() ? "true" : "false") + "}";
  }
  return text + "]";
}

// The shaders that fill the plan's only input from images, where it is one.
std::string frame_shaders(const gpu::GpuPlan& plan, const gpu::Target& target) {
  if (target.api != gpu::Api::WebGpu || plan.inputs.size() != 1) return "[]";
  const PlanPort& port = plan.inputs[0];
  const ImageTarget input{port.dtype, port.shape};
  if (!image_boxes({1, 1}, input, {})) return "[]";
  return "[" + quoted(frame_shader(input, port.ref.offset(), false)) + "," +
         quoted(frame_shader(input, port.ref.offset(), true)) + "]";
}

// The input and output ports of a plan are f32. Copies behind inputs and before outputs let operands and
// results between them be f16.
Result<void> put_copies_around(Graph& graph) {
  const auto copy = [&](ValueId id) {
    Attrs attrs;
    attrs.set(Attr::expr, Expr::input(0));
    return graph.add(Op::elementwise, "copy", {id}, std::move(attrs));
  };
  for (GraphPort& port : graph.inputs) {
    if (graph.value(port.value).dtype != DType::F32) continue;
    // Its own use of the input is no longer the input's.
    TRY_ASSIGN(const ValueId copied, copy(port.value));
    const NodeId producer = graph.value(copied).producer;
    graph.replace_uses(port.value, copied);
    graph.node(producer).inputs[0] = port.value;
  }
  for (GraphPort& port : graph.outputs) {
    if (graph.value(port.value).dtype != DType::F32) continue;
    TRY_ASSIGN(const ValueId copied, copy(port.value));
    port.value = copied;
  }
  return graph.sort();
}

}  // namespace

Result<std::string> export_gpu_plan(Graph graph, const gpu::Target& target, const std::string& folder,
                                    int number) {
  TRY(run_passes(graph));
  if (target.f16) TRY(put_copies_around(graph));
  TRY_ASSIGN(const gpu::GpuPlan plan, compile_gpu(graph, target));
  std::vector<std::byte> weights(static_cast<size_t>(plan.weights_bytes));
  for (const gpu::WeightPiece& piece : plan.weights) piece.fill(weights.data() + piece.offset);
  if (!write_file(folder + "/" + std::to_string(number) + "_weights.bin", weights.data(), weights.size()))
    return fail(ErrorCode::Io, "cannot write to %s", folder.c_str());
  std::string shaders = "[", cpu = "[", textures = "[";
  for (const gpu::Texture& texture : plan.textures)
    textures += std::string(textures.size() > 1 ? "," : "") + "{\"width\": " + std::to_string(texture.width) +
                ", \"height\": " + std::to_string(texture.height) +
                ", \"layers\": " + std::to_string(texture.layers) +
                ", \"lanes\": " + std::to_string(texture.lanes) + ", \"dtype\": \"" +
                dtype_name(texture.dtype) + "\"}";
  for (const std::string& text : plan.shaders) shaders += (shaders.size() > 1 ? "," : "") + quoted(text);
  for (const gpu::CpuStep& step : plan.cpu_steps)
    for (NodeId id = step.first; id <= step.last; ++id)
      cpu += (cpu.size() > 1 ? "," : "") + quoted(op_def(graph.node(id).op).name);
  return "{\"inputs\": " + ports(plan.inputs) + ", \"outputs\": " + ports(plan.outputs) +
         ", \"steps\": " + std::to_string(plan.step_nodes.size()) + ", \"words\": " + list(plan.words) +
         ", \"shaders\": " + shaders + "], \"frameShaders\": " + frame_shaders(plan, target) +
         ", \"params\": " + list(plan.params) + ", \"mostParamBytes\": " + std::to_string(plan.param_bytes) +
         ", \"textures\": " + textures + "], \"arenaBytes\": " + std::to_string(plan.arena_bytes) +
         ", \"weightsBytes\": " + std::to_string(plan.weights_bytes) + ", \"cpu\": " + cpu + "]}";
}

}  // namespace linnet::tests

#include "tests/ops/gpu_plans.h"

#include <vector>

#include "graph/op_def.h"
#include "graph/subgraph.h"
#include "passes/pipeline.h"
#include "runtime/compile_gpu.h"
#include "tests/ops/files.h"
#include "tests/ops/op_cases.h"
#include "vision/frame_shader.h"

namespace linnet::tests {

namespace {

std::string list(std::span<const uint32_t> values) {
  std::string text = "[";
  for (uint32_t value : values) text += (text.size() > 1 ? "," : "") + std::to_string(value);
  return text + "]";
}

// With `files`, those are the names of the files that hold the ports' elements.
std::string ports(const std::vector<PlanPort>& ports, const std::vector<std::string>& files = {}) {
  std::string text = "[";
  for (size_t i = 0; i < ports.size(); ++i) {
    const PlanPort& port = ports[i];
    const auto bytes = static_cast<size_t>(port.shape.elements()) * dtype_size(port.dtype);
    text += std::string(text.size() > 1 ? "," : "") + "{\"name\": " + quoted(port.name) + ", \"dtype\": \"" +
            dtype_name(port.dtype) + "\", \"shape\": " + port.shape.to_string() +
            ", \"bytes\": " + std::to_string(bytes) + ", \"place\": " + std::to_string(port.ref.offset()) +
            ", \"inWeights\": " + (port.ref.in_weights() ? "true" : "false") +
            (i < files.size() ? ", \"file\": " + quoted(files[i]) : "") + "}";
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

// The steps on the CPU, whose operands and results, as the reference computes them, go to files.
Result<std::string> cpu_parts(const Graph& graph, const std::vector<Tensor>& values,
                              const std::vector<gpu::CpuStep>& steps, const std::string& folder,
                              const std::string& prefix) {
  std::string text = "[";
  for (const gpu::CpuStep& step : steps) {
    const Boundary boundary = boundary_of(graph, step.first, step.last);
    const auto write = [&](const std::vector<ValueId>& ids) -> Result<std::vector<std::string>> {
      std::vector<std::string> files;
      for (ValueId id : ids) {
        files.push_back(prefix + std::to_string(id) + ".bin");
        if (!write_file(folder + "/" + files.back(), values[id].data(), values[id].bytes()))
          return fail(ErrorCode::Io, "cannot write to %s", folder.c_str());
      }
      return files;
    };
    TRY_ASSIGN(const std::vector<std::string> operands, write(boundary.inputs));
    TRY_ASSIGN(const std::vector<std::string> results, write(boundary.outputs));
    text += std::string(text.size() > 1 ? "," : "") + "{\"inputs\": " + ports(step.inputs, operands) +
            ", \"outputs\": " + ports(step.outputs, results) + "}";
  }
  return text + "]";
}

}  // namespace

Result<std::string> export_gpu_plan(Graph graph, std::span<const Tensor> inputs, const gpu::Target& target,
                                    const std::string& folder, int number) {
  TRY(run_passes(graph));
  if (target.f16) TRY(put_copies_around(graph));
  TRY_ASSIGN(const std::vector<Tensor> values, reference_values(graph, inputs));
  TRY_ASSIGN(const gpu::GpuPlan plan, compile_gpu(graph, target));
  std::vector<std::byte> weights(static_cast<size_t>(plan.weights_bytes));
  for (const gpu::WeightPiece& piece : plan.weights) piece.fill(weights.data() + piece.offset);
  if (!write_file(folder + "/" + std::to_string(number) + "_weights.bin", weights.data(), weights.size()))
    return fail(ErrorCode::Io, "cannot write to %s", folder.c_str());
  TRY_ASSIGN(const std::string parts,
             cpu_parts(graph, values, plan.cpu_steps, folder, std::to_string(number) + "_cpu_"));
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
         ", \"weightsBytes\": " + std::to_string(plan.weights_bytes) + ", \"cpu\": " + cpu +
         "], \"cpuParts\": " + parts + "}";
}

}  // namespace linnet::tests

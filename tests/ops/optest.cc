// The op suite: every op's cases, compiled for this target and compared with the reference kernels, and
// images against the definition of preprocessing. Builds natively and for each WebAssembly variant. `--export
// DIR` writes the cases, their data and the reference's results instead, for comparison with TensorFlow.js;
// `--export-gpu DIR TARGET` their GPU plans too.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "graph/op_def.h"
#include "graph/text.h"
#include "runtime/compile.h"
#include "tests/ops/files.h"
#include "tests/ops/gpu_plans.h"
#include "tests/ops/image_cases.h"
#include "tests/ops/op_cases.h"

namespace linnet::tests {

namespace {

struct Reference {
  Graph graph;
  std::vector<Tensor> inputs;
  std::vector<Tensor> values;  // of each value
};

// Runs the graph node by node with the reference kernels, on drawn inputs.
Result<Reference> run_case(const OpCase& op_case) {
  Reference result;
  TRY_ASSIGN(result.graph, parse_graph(op_case.text));
  uint32_t seed = 100;
  for (const GraphPort& port : result.graph.inputs) {
    const Value& value = result.graph.value(port.value);
    TRY_ASSIGN(Tensor input, Tensor::zeros(value.dtype, value.shape));
    fill_random_input(input.view(), seed++, op_case.low, op_case.high);
    result.inputs.push_back(std::move(input));
  }
  TRY_ASSIGN(result.values, reference_values(result.graph, result.inputs));
  return result;
}

// The largest difference of two tensors relative to the range of `expected`; NaN and infinity must stand in
// the same places.
double difference(const TensorView& expected, const TensorView& actual) {
  double low = 0, high = 0, worst = 0;
  for (int64_t i = 0; i < expected.elements(); ++i) {
    const double e = element_as_double(expected.dtype, expected.data, i);
    const double a = element_as_double(actual.dtype, actual.data, i);
    if (std::isfinite(e) != std::isfinite(a) || std::isnan(e) != std::isnan(a)) return INFINITY;
    if (!std::isfinite(e)) continue;
    low = std::min(low, e);
    high = std::max(high, e);
    worst = std::max(worst, std::abs(e - a));
  }
  return worst > 0 ? worst / (high - low) : 0;
}

// How far a compiled case is from the reference at worst, and the bytes of all its outputs.
struct Findings {
  double worst = 0;
  size_t chains = 0;
  std::string bytes;
};

Result<Findings> run_compiled(const Reference& reference, const CompileOptions& options) {
  CompileReport report;
  TRY_ASSIGN(auto session, compile_cpu(reference.graph, options, &report));
  Findings found;
  found.chains = report.chains.size();
  // The second run meets whatever the first one left in the arena.
  for (int run = 0; run < 2; ++run) {
    for (size_t i = 0; i < session->inputs().size(); ++i) {
      const TensorView input = session->input(i);
      std::memcpy(input.data, reference.values[reference.graph.inputs[i].value].data(), input.bytes());
    }
    session->run();
    for (size_t i = 0; i < session->outputs().size(); ++i) {
      const TensorView output = session->output(i);
      found.bytes.append(reinterpret_cast<const char*>(output.data), output.bytes());
      found.worst = std::max(found.worst,
                             difference(reference.values[reference.graph.outputs[i].value].view(), output));
    }
  }
  return found;
}

// With `bytes`, that of an earlier run of the case, empty at first, outputs must be the same to the bit.
bool passes(const OpCase& op_case, CompileOptions options, std::string* bytes = nullptr) {
  // Every step is shared, however small.
  options.parallel_cost = 0;
  auto reference = run_case(op_case);
  auto found = reference ? run_compiled(*reference, options) : std::unexpected(reference.error());
  const char* const name = op_case.name.c_str();
  const auto how = [&] {
    std::printf(" (optimise %d, row fusion %d, threads %d)\n", options.optimise,
                static_cast<int>(options.row_fusion), options.threads);
    return false;
  };
  if (!found) {
    std::printf("FAILED %s: %s: %s", name, error_title(found.error().code()), found.error().detail());
    return how();
  }
  if (found->worst > op_case.tolerance) {
    std::printf("FAILED %s: off by %.3g of the range, %.3g allowed", name, found->worst, op_case.tolerance);
    return how();
  }
  if (bytes == nullptr) return true;
  if (bytes->empty()) *bytes = found->bytes;
  if (*bytes != found->bytes) {
    std::printf("FAILED %s: not the bits of the plan without fused rows", name);
    return how();
  }
  if (options.row_fusion == RowFusion::Everywhere && found->chains == 0) {
    std::printf("FAILED %s: no rows were fused", name);
    return how();
  }
  return true;
}

bool passes_fused(const OpCase& op_case) {
  std::string bytes;
  bool good = passes(op_case, {.row_fusion = RowFusion::Off}, &bytes);
  for (const RowFusion fusion : {RowFusion::WherePays, RowFusion::Everywhere}) {
    good = good && passes(op_case, {.row_fusion = fusion}, &bytes);
#if !defined(__wasm__)
    for (int threads = 2; threads <= 4; ++threads)
      good = good && passes(op_case, {.threads = threads, .row_fusion = fusion}, &bytes);
#endif
  }
  return good;
}

// cases.json: [{name, op, tolerance, text, values: {name: {dtype, shape, file, output}}}], where values are
// the inputs, constants and outputs, and files hold raw little-endian elements. With a
// target each has its GPU plan as `plan`.
int export_cases(const std::string& folder, const gpu::Target* target) {
  std::string json = "[";
  int number = 0;
  for (const OpCase& op_case : op_cases()) {
    auto reference = run_case(op_case);
    if (!reference) {
      std::printf("%s: %s\n", op_case.name.c_str(), reference.error().detail());
      return 1;
    }
    const Graph& graph = reference->graph;
    char tolerance[32];
    std::snprintf(tolerance, sizeof tolerance, "%g", op_case.tolerance);
    json += std::string(number > 0 ? ",\n" : "\n") + "{\"name\": " + quoted(op_case.name) +
            ", \"op\": " + quoted(op_def(graph.node(0).op).name) + ", \"tolerance\": " + tolerance +
            ", \"text\": " + quoted(op_case.text) + ", \"values\": {";
    bool first = true;
    for (ValueId id = 0; id < graph.value_count(); ++id) {
      const Value& value = graph.value(id);
      bool is_output = false;
      for (const GraphPort& port : graph.outputs) is_output = is_output || port.value == id;
      if (value.producer != kNone && !is_output) continue;
      const std::string file = std::to_string(number) + "_" + std::to_string(id) + ".bin";
      if (!write_file(folder + "/" + file, reference->values[id].data(), reference->values[id].bytes())) {
        std::printf("cannot write %s/%s\n", folder.c_str(), file.c_str());
        return 1;
      }
      json += std::string(first ? "" : ", ") + quoted(value.name) + ": {\"dtype\": \"" +
              dtype_name(value.dtype) + "\", \"shape\": " + value.shape.to_string() +
              ", \"file\": " + quoted(file) + ", \"output\": " + (is_output ? "true" : "false") + "}";
      first = false;
    }
    json += "}";
    if (target != nullptr) {
      auto plan = export_gpu_plan(graph, reference->inputs, *target, folder, number);
      if (!plan) {
        std::printf("%s: %s\n", op_case.name.c_str(), plan.error().detail());
        return 1;
      }
      json += ", \"plan\": " + *plan;
    }
    json += "}";
    ++number;
  }
  json += "\n]\n";
  if (!write_file(folder + "/cases.json", json.data(), json.size())) return 1;
  std::printf("%d cases\n", number);
  return 0;
}

// GPUs that plans can be for, whatever there is.
struct NamedTarget {
  const char* name;
  gpu::Target target;
};
constexpr NamedTarget kTargets[] = {
    {"webgpu-software", {.api = gpu::Api::WebGpu, .software = true, .min_subgroup = 4, .max_subgroup = 4}},
    // Dispatches have two dimensions where there are more workgroups than this.
    {"webgpu-hardware",
     {.api = gpu::Api::WebGpu, .min_subgroup = 4, .max_subgroup = 128, .max_workgroups = 48}},
    {"webgpu-plain", {.api = gpu::Api::WebGpu}},
    {"webgpu-f16", {.api = gpu::Api::WebGpu, .software = true, .f16 = true}},
    {"webgl2-f32", {.api = gpu::Api::WebGl2}},
    {"webgl2-f16", {.api = gpu::Api::WebGl2, .f16 = true}},
    {"webgpu-f16-arithmetic", {.api = gpu::Api::WebGpu, .f16 = true, .f16_arithmetic = true}},
};

int run_all() {
  auto [passed, failed] = run_image_cases();
  for (const OpCase& op_case : op_cases()) {
    bool good = passes(op_case, {}) && passes(op_case, {.optimise = false});
#if !defined(__wasm__)
    good = good && passes(op_case, {.threads = 3});
#endif
    ++(good ? passed : failed);
  }
  for (const OpCase& op_case : chain_cases()) ++(passes_fused(op_case) ? passed : failed);
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace

}  // namespace linnet::tests

int main(int argc, char** argv) {
  using namespace linnet;
  if (argc == 3 && std::strcmp(argv[1], "--export") == 0) return tests::export_cases(argv[2], nullptr);
  if (argc == 4 && std::strcmp(argv[1], "--export-gpu") == 0) {
    for (const auto& [name, target] : tests::kTargets)
      if (std::strcmp(argv[3], name) == 0) return tests::export_cases(argv[2], &target);
  }
  if (argc > 1) {
    std::printf("usage: linnet_optest [--export DIR | --export-gpu DIR TARGET]\ntargets:");
    for (const auto& [name, target] : tests::kTargets) std::printf(" %s", name);
    std::printf("\n");
    return 2;
  }
  return tests::run_all();
}

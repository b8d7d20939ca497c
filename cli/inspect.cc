// linnet inspect: what a model is, and what compiling makes of it.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>

#include "cli/commands.h"
#include "cli/json.h"
#include "graph/op_def.h"
#include "graph/text.h"

namespace linnet {
namespace {

struct Options {
  ModelFlags model;
  bool json = false;
  std::string graph;  // "", "source" or "optimised"
};

using Histogram = std::vector<std::pair<std::string, size_t>>;

// How often each op occurs, the most frequent first.
Histogram count_ops(const Graph& graph) {
  std::map<std::string, size_t> counts;
  for (const Node& node : graph.nodes()) ++counts[op_def(node.op).name];
  Histogram histogram(counts.begin(), counts.end());
  std::ranges::stable_sort(histogram, std::greater(), &Histogram::value_type::second);
  return histogram;
}

// Elements of the floating-point constants.
int64_t count_parameters(const Graph& graph) {
  int64_t count = 0;
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Value& value = graph.value(id);
    const bool number = value.dtype == DType::F32 || value.dtype == DType::F16;
    if (value.is_constant() && number) count += value.shape.elements();
  }
  return count;
}

struct Findings {
  std::string location;
  TfjsFormat format;
  std::vector<WeightBytes> weights;
  uint64_t weights_bytes;
  Histogram ops, optimised_ops;
  int64_t parameters;
  CompileReport report;
  std::unique_ptr<Session> session;

  const Plan& plan() const { return session->plan(); }
  const char* format_name() const { return format == TfjsFormat::Graph ? "graph" : "layers"; }
  double arena_ratio() const {
    return static_cast<double>(plan().arena_bytes) / static_cast<double>(plan().lower_bound_bytes);
  }
};

void write_ports(JsonOut& out, const char* key, std::span<const PlanPort> ports) {
  out.key(key).begin_array();
  for (const PlanPort& port : ports) {
    out.begin_object().member("name", port.name).member("dtype", dtype_name(port.dtype));
    out.member("shape", port.shape).end_object();
  }
  out.end_array();
}

void write_histogram(JsonOut& out, const char* key, const Histogram& histogram) {
  out.key(key).begin_object();
  for (const auto& [op, count] : histogram) out.member(op, uint64_t{count});
  out.end_object();
}

void print_json(const Findings& found) {
  const Plan& plan = found.plan();
  JsonOut out;
  out.begin_object().member("model", found.location).member("format", found.format_name());
  write_ports(out, "inputs", found.session->inputs());
  write_ports(out, "outputs", found.session->outputs());
  out.member("nodes", uint64_t{found.report.nodes_before});
  out.member("nodes_optimised", uint64_t{found.report.nodes_after});
  write_histogram(out, "ops", found.ops);
  write_histogram(out, "ops_optimised", found.optimised_ops);
  out.member("parameters", found.parameters).member("macs", found.report.macs);
  out.key("weights").begin_object().member("bytes", found.weights_bytes).key("by_type").begin_array();
  for (const WeightBytes& weights : found.weights) {
    out.begin_object().member("type", weights.type).member("bytes", weights.bytes);
    out.member("elements", weights.elements).end_object();
  }
  out.end_array().end_object();
  out.key("memory").begin_object().member("arena_bytes", plan.arena_bytes);
  out.member("lower_bound_bytes", plan.lower_bound_bytes)
      .member("arena_ratio", rounded(found.arena_ratio(), 4));
  out.member("scratch_bytes", plan.scratch_bytes).member("packed_weights_bytes", plan.weights_bytes());
  out.member("resident_bytes", found.session->resident_bytes()).end_object();
  out.member("steps", uint64_t{plan.step_count});
  out.key("row_chains").begin_array();
  for (const ChainReport& chain : found.report.chains) {
    out.begin_object().member("name", chain.name).key("nodes").begin_array();
    for (const std::string& node : chain.nodes) out.value(node);
    out.end_array().member("group_rows", uint64_t{chain.group_rows}).member("held_bytes", chain.held_bytes);
    out.end_object();
  }
  out.end_array();
  out.key("passes").begin_array();
  for (const PassReport& pass : found.report.passes) {
    out.begin_object().member("name", pass.name).member("rewrites", pass.rewrites);
    out.member("nodes_before", uint64_t{pass.nodes_before}).member("nodes_after", uint64_t{pass.nodes_after});
    out.end_object();
  }
  out.end_array().end_object().print();
}

void print_ports(const char* what, std::span<const PlanPort> ports) {
  for (const PlanPort& port : ports) {
    std::printf("%-15s %s  %s%s\n", what, port.name.c_str(), dtype_name(port.dtype),
                port.shape.to_string().c_str());
  }
}

void print_histogram(const char* what, const Histogram& histogram) {
  std::printf("%s", what);
  for (const auto& [op, count] : histogram)
    std::printf(" %zu %s%s", count, op.c_str(), &op == &histogram.back().first ? "" : ",");
  std::printf("\n");
}

void print_bytes(const char* what, uint64_t bytes) {
  std::printf("%-15s %llu bytes (%.2f MiB)\n", what, static_cast<unsigned long long>(bytes),
              static_cast<double>(bytes) / (1 << 20));
}

void print_chains(const std::vector<ChainReport>& chains) {
  if (!chains.empty()) std::printf("\n%-9s %11s  nodes fused by rows\n", "rows", "held bytes");
  for (const ChainReport& chain : chains) {
    std::printf("%9u %11llu  ", chain.group_rows, static_cast<unsigned long long>(chain.held_bytes));
    for (const std::string& node : chain.nodes)
      std::printf("%s%s", node.c_str(), &node == &chain.nodes.back() ? "\n" : ", ");
  }
}

void print_text(const Findings& found) {
  const Plan& plan = found.plan();
  std::printf("%-15s %s\n", "model", found.location.c_str());
  std::printf("%-15s TensorFlow.js %s model\n", "format", found.format_name());
  print_ports("input", found.session->inputs());
  print_ports("output", found.session->outputs());
  std::printf("%-15s %zu, %zu after the passes, %zu steps of the plan\n", "nodes", found.report.nodes_before,
              found.report.nodes_after, plan.step_count);
  print_histogram("ops            ", found.ops);
  print_histogram("ops after       ", found.optimised_ops);
  std::printf("%-15s %lld\n", "parameters", static_cast<long long>(found.parameters));
  std::printf("%-15s %lld\n", "MACs", static_cast<long long>(found.report.macs));
  print_bytes("weights", found.weights_bytes);
  for (const WeightBytes& weights : found.weights) {
    std::printf("  %-13s %llu bytes, %llu elements\n", weights.type.c_str(),
                static_cast<unsigned long long>(weights.bytes),
                static_cast<unsigned long long>(weights.elements));
  }
  print_bytes("packed weights", plan.weights_bytes());
  print_bytes("arena", plan.arena_bytes);
  print_bytes("  lower bound", plan.lower_bound_bytes);
  std::printf("%-15s %.4f of the lower bound\n", "  ratio", found.arena_ratio());
  print_bytes("scratch", plan.scratch_bytes);
  print_bytes("resident", found.session->resident_bytes());
  print_chains(found.report.chains);
  std::printf("\n%-28s %9s %8s %8s\n", "pass", "rewrites", "before", "after");
  for (const PassReport& pass : found.report.passes) {
    std::printf("%-28s %9d %8zu %8zu\n", pass.name, pass.rewrites, pass.nodes_before, pass.nodes_after);
  }
}

Result<int> inspect_graph(Graph graph, const Options& options, Findings& found) {
  if (options.model.f32) graph.ranges.clear();
  Graph optimised = graph;
  found.ops = count_ops(graph);
  found.parameters = count_parameters(graph);
  if (options.graph == "source") {
    std::fputs(print_graph(graph).c_str(), stdout);
    return kExitOk;
  }
  TRY(run_passes(optimised));
  if (options.graph == "optimised") {
    std::fputs(print_graph(optimised).c_str(), stdout);
    return kExitOk;
  }
  found.optimised_ops = count_ops(optimised);
  TRY_ASSIGN(
      found.session,
      compile_cpu(std::move(graph),
                  {.threads = options.model.threads, .row_fusion = options.model.row_fusion}, &found.report));
  options.json ? print_json(found) : print_text(found);
  return kExitOk;
}

Result<int> inspect(const Options& options) {
  if (options.json && !options.graph.empty()) {
    return fail(ErrorCode::InvalidArgument, "--graph prints the graph's text; leave --json out");
  }
  TfjsOptions reading;
  for (const std::string& shape : options.model.shapes) TRY(parse_shape_flag(shape, reading));
  TRY_ASSIGN(ModelSource source, open_model(options.model.model));
  Findings found{};
  found.location = source.location;
  found.format = source.model->format();
  found.weights = source.model->weights_by_type();
  found.weights_bytes = source.model->weights_bytes();
  auto graph = source.model->to_graph(reading);
  if (!graph) return std::unexpected(graph.error().within(source.location));
  auto done = inspect_graph(std::move(*graph), options, found);
  if (!done) return std::unexpected(done.error().within(source.location));
  return done;
}

}  // namespace

Command add_inspect(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand(
      "inspect", "Shows what a model holds, what the optimiser makes of it, and the memory it needs");
  add_model_flags(*app, options->model, true);
  app->add_option("--graph", options->graph, "Print the graph as text instead, as read or after the passes")
      ->type_name("source|optimised")
      ->expected(0, 1)
      ->default_str("source")
      ->check(CLI::IsMember({"source", "optimised"}));
  add_json_flag(*app, options->json);
  app->footer(
      "Examples:\n"
      "  linnet inspect models/mobilenet\n"
      "  linnet inspect models/mobilenet --json\n"
      "  linnet inspect models/mobilenet --graph=optimised");
  return {app, [options] { return inspect(*options); }};
}

}  // namespace linnet

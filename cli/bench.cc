// linnet bench: how fast a model runs on this machine, as a whole and node by node.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>

#include "bench/measured_peaks.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/scores.h"
#include "cli/timing.h"
#include "graph/op_def.h"
#include "runtime/profile.h"

namespace linnet {
namespace {

struct Options {
  ModelFlags model;
  int runs = 50;
  bool per_op = false;
  bool json = false;
};

// A node of the optimised graph, or all nodes of one op.
struct Row {
  std::string node;
  std::string op;     // with the window, where there is one: conv2d 1x1
  std::string shape;  // of first operand and result
  std::string kernel;
  DType dtype{};  // of the first operand
  uint32_t steps = 0;
  int64_t macs = 0;
  double ms = 0;
};

struct Findings {
  std::string location;
  std::unique_ptr<Session> session;
  int64_t macs = 0;
  double first_ms = 0;
  std::vector<double> times;
  double peak = 0;       // GFLOP/s of one core
  double int8_peak = 0;  // Gop/s of its int8 dot products
  std::vector<Row> nodes, ops;
};

double gflops(int64_t macs, double ms) {
  return ms > 0 ? 2e-6 * static_cast<double>(macs) / ms : 0;
}

// The peak of the arithmetic in which most of the model's multiply-accumulates are done, for all threads.
double model_peak(const Findings& found) {
  int64_t int8_macs = 0;
  for (const PlanNode& node : found.session->plan().nodes)
    if (node.dtype == DType::I8) int8_macs += node.macs;
  return (2 * int8_macs > found.macs ? found.int8_peak : found.peak) * found.session->threads();
}

// A row's speed by the threads' peak in its arithmetic.
double of_peak(const Row& row, const Findings& found) {
  return gflops(row.macs, row.ms) /
         ((row.dtype == DType::I8 ? found.int8_peak : found.peak) * found.session->threads());
}

Result<std::vector<Row>> profile_nodes(Session& session, int runs) {
  TRY_ASSIGN(const std::vector<NodeProfile> profiles, profile(session, runs));
  std::vector<Row> rows;
  for (const NodeProfile& profile : profiles) {
    const PlanNode& node = session.plan().nodes[profile.node];
    std::string op = op_def(node.op).name;
    if (node.window[0] > 0) op += " " + std::to_string(node.window[0]) + "x" + std::to_string(node.window[1]);
    rows.push_back({.node = node.name,
                    .op = std::move(op),
                    .shape = node.input.to_string() + " -> " + node.output.to_string(),
                    .kernel = profile.kernel,
                    .dtype = node.dtype,
                    .steps = profile.steps,
                    .macs = node.macs,
                    .ms = profile.ms});
  }
  return rows;
}

// The nodes' sums by op, element type and kernel, the slowest first.
std::vector<Row> sum_by_op(const std::vector<Row>& nodes) {
  std::vector<Row> sums;
  for (const Row& node : nodes) {
    const auto same = [&node](const Row& sum) {
      return sum.op == node.op && sum.dtype == node.dtype && sum.kernel == node.kernel;
    };
    auto found = std::ranges::find_if(sums, same);
    if (found == sums.end())
      found = sums.insert(
          sums.end(), {.node = {}, .op = node.op, .shape = {}, .kernel = node.kernel, .dtype = node.dtype});
    found->steps += node.steps;
    found->macs += node.macs;
    found->ms += node.ms;
  }
  std::ranges::stable_sort(sums, std::greater(), &Row::ms);
  return sums;
}

double total_ms(const std::vector<Row>& rows) {
  double total = 0;
  for (const Row& row : rows) total += row.ms;
  return total;
}

void write_rows(JsonOut& out, const char* key, const std::vector<Row>& rows, const Findings& found) {
  const double total = total_ms(rows);
  out.key(key).begin_array();
  for (const Row& row : rows) {
    out.begin_object();
    if (!row.node.empty()) out.member("node", row.node);
    out.member("op", row.op).member("dtype", dtype_name(row.dtype));
    if (!row.shape.empty()) out.member("shape", row.shape);
    out.member("kernel", row.kernel).member("steps", uint64_t{row.steps}).member("macs", row.macs);
    out.member("ms", rounded(row.ms, 5)).member("share", rounded(row.ms / total, 4));
    out.member("gflops", rounded(gflops(row.macs, row.ms), 2));
    out.member("of_peak", rounded(of_peak(row, found), 4)).end_object();
  }
  out.end_array();
}

void print_json(const Findings& found, const Options& options) {
  const double median = percentile(found.times, 0.5);
  const double peak = model_peak(found);
  JsonOut out;
  out.begin_object().member("model", found.location).member("threads", found.session->threads());
  out.member("runs", options.runs).member("macs", found.macs).member("first_ms", rounded(found.first_ms, 4));
  out.member("p50_ms", rounded(median, 4)).member("p95_ms", rounded(percentile(found.times, 0.95), 4));
  out.member("gflops", rounded(gflops(found.macs, median), 2));
  out.member("peak_gflops", rounded(found.peak, 2)).member("int8_peak_gops", rounded(found.int8_peak, 2));
  out.member("of_peak", rounded(gflops(found.macs, median) / peak, 4));
  if (options.per_op) {
    write_rows(out, "nodes", found.nodes, found);
    write_rows(out, "ops", found.ops, found);
  }
  out.end_object().print();
}

struct Column {
  const char* title;
  std::string Row::*field;
};

// Only the columns of text that some row fills are shown.
void print_rows(const std::vector<Row>& rows, const Findings& found) {
  std::vector<std::pair<Column, int>> columns;
  for (const Column& column : {Column{"node", &Row::node}, Column{"op", &Row::op},
                               Column{"shape", &Row::shape}, Column{"kernel", &Row::kernel}}) {
    size_t width = 0;
    for (const Row& row : rows) width = std::max(width, (row.*column.field).size());
    if (width > 0) columns.emplace_back(column, static_cast<int>(std::max(width, std::strlen(column.title))));
  }
  std::printf("\n");
  for (const auto& [column, width] : columns) std::printf("%-*s ", width, column.title);
  std::printf("%12s %9s %7s %8s %8s\n", "MACs", "ms", "share", "GFLOP/s", "of peak");
  const double total = total_ms(rows);
  for (const Row& row : rows) {
    for (const auto& [column, width] : columns) std::printf("%-*s ", width, (row.*column.field).c_str());
    if (row.macs == 0) {
      std::printf("%12s %9.4f %5.1f %% %8s %8s\n", "-", row.ms, 100 * row.ms / total, "-", "-");
    } else {
      std::printf("%12lld %9.4f %5.1f %% %8.1f %6.0f %%\n", static_cast<long long>(row.macs), row.ms,
                  100 * row.ms / total, gflops(row.macs, row.ms), 100 * of_peak(row, found));
    }
  }
}

void print_text(const Findings& found, const Options& options) {
  const double median = percentile(found.times, 0.5);
  const double peak = model_peak(found);
  std::printf("%s, %s%s, %.1f M MACs\n", found.location.c_str(), threads_text(*found.session).c_str(),
              options.model.threads == 0 ? " (the fastest)" : "", static_cast<double>(found.macs) / 1e6);
  std::printf("first run %.3f ms; %d runs: median %.3f ms, p95 %.3f ms\n", found.first_ms, options.runs,
              median, percentile(found.times, 0.95));
  std::printf("%.1f GFLOP/s, %.0f %% of the peak of %.1f (%.1f for each thread)\n",
              gflops(found.macs, median), 100 * gflops(found.macs, median) / peak, peak,
              peak / found.session->threads());
  if (!options.per_op) return;
  print_rows(found.nodes, found);
  print_rows(found.ops, found);
}

Result<void> compile(const Options& options, TfjsModel& model, Findings& found) {
  TfjsOptions reading;
  for (const std::string& shape : options.model.shapes) TRY(parse_shape_flag(shape, reading));
  TRY_ASSIGN(Graph graph, model.to_graph(reading));
  if (options.model.f32) graph.ranges.clear();
  CompileReport report;
  TRY_ASSIGN(found.session, compile_cpu(std::move(graph), compile_options(options.model), &report));
  found.macs = report.macs;
  return {};
}

Result<int> bench(const Options& options) {
  Findings found;
  TRY_ASSIGN(ModelSource source, open_model(options.model.model));
  found.location = source.location;
  auto compiled = compile(options, *source.model, found);
  if (!compiled) return std::unexpected(compiled.error().within(source.location));
  source.model.reset();

  Session& session = *found.session;
  TRY_ASSIGN(const std::vector<Buffer> inputs, random_inputs(session, 1));
  found.peak = measure_fma_peak();
  found.int8_peak = measure_dot_peak();
  found.first_ms = timed_run(session, inputs);
  settle_threads(session, inputs);
  {
    Progress progress("runs", static_cast<size_t>(options.runs));
    for (int i = 0; i < options.runs; ++i) {
      found.times.push_back(timed_run(session, inputs));
      progress.step();
    }
  }
  if (options.per_op) {
    set_inputs(session, inputs);
    TRY_ASSIGN(found.nodes, profile_nodes(session, options.runs));
    found.ops = sum_by_op(found.nodes);
  }
  options.json ? print_json(found, options) : print_text(found, options);
  return kExitOk;
}

}  // namespace

Command add_bench(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App* app =
      parent.add_subcommand("bench", "Measures how fast a model runs here, as a whole and node by node");
  add_model_flags(*app, options->model, true);
  app->add_option("--runs", options->runs, "Runs to time, after a first one that is shown apart")
      ->type_name("N")
      ->check(CLI::Range(1, kMaxProfiledRuns))
      ->capture_default_str();
  app->add_flag("--per-op", options->per_op,
                "Show each node's op, shape, kernel, MACs, time and share of the peak, and sums by op");
  add_json_flag(*app, options->json);
  app->footer(
      "Examples:\n"
      "  linnet bench models/mobilenet\n"
      "  linnet bench models/mobilenet --per-op --threads 2\n"
      "  linnet bench models/mobilenet --per-op --runs 200 --json");
  return {app, [options] { return bench(*options); }};
}

}  // namespace linnet

// linnet bench: how fast a model runs on this machine, as a whole and node by node.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>

#include "bench/fma_peak.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/scores.h"
#include "cli/timing.h"
#include "graph/op_def.h"
#include "passes/pipeline.h"

namespace linnet {
namespace {

struct Options {
  ModelFlags model;
  int runs = 50;
  bool per_op = false;
  bool json = false;
};

// A node of the optimised graph, or all that the same kernels run.
struct Row {
  std::string node;
  std::string kernel;  // those of its steps, joined by +
  size_t steps = 0;
  int64_t macs = 0;
  double ms = 0;
};

struct Findings {
  std::string location;
  std::unique_ptr<Session> session;
  int64_t macs = 0;
  std::map<std::string, int64_t> macs_of;  // by node
  double first_ms = 0;
  std::vector<double> times;
  double peak = 0;  // GFLOP/s of one core
  std::vector<Row> nodes, kernels;
};

double gflops(int64_t macs, double ms) {
  return ms > 0 ? 2e-6 * static_cast<double>(macs) / ms : 0;
}

// GFLOP/s of one core in fused multiply-adds as wide as the kernels': the best of a fifth of a second.
double measure_peak() {
  using Clock = std::chrono::steady_clock;
  constexpr int32_t kRounds = 200'000;
  volatile float sink = 0;
  double best = 0;
  for (const auto end = Clock::now() + std::chrono::milliseconds(200); Clock::now() < end;) {
    const auto start = Clock::now();
    sink = fma_rounds(kRounds, sink);
    const std::chrono::duration<double, std::nano> passed = Clock::now() - start;
    best = std::max(best, fma_operations(kRounds) / passed.count());
  }
  return best;
}

// The steps' median milliseconds over several runs, in the order of the plan.
std::vector<double> profile(Session& session, const std::vector<Buffer>& inputs, int runs) {
  const size_t steps = session.plan().step_count;
  std::vector<std::vector<double>> samples(steps);
  std::vector<double> seconds(steps);
  for (int i = 0; i < runs; ++i) {
    set_inputs(session, inputs);
    std::ranges::fill(seconds, 0);
    session.run_profiled(seconds);
    for (size_t step = 0; step < steps; ++step) samples[step].push_back(1000 * seconds[step]);
  }
  std::vector<double> medians;
  for (const std::vector<double>& of_step : samples) medians.push_back(percentile(of_step, 0.5));
  return medians;
}

// Rows by node, in the order of the plan. MACs are known of nodes, so the steps of one node stay together.
std::vector<Row> rows_by_node(const Findings& found, const std::vector<double>& step_ms) {
  const Plan& plan = found.session->plan();
  std::vector<Row> rows(plan.node_names.size());
  size_t step = 0;
  for_each_step(plan, [&](const StepHeader& header, const uint32_t*) {
    Row& row = rows[header.node];
    const std::string kernel = plan_op_name(header.op);
    if (("+" + row.kernel + "+").find("+" + kernel + "+") == std::string::npos) {
      row.kernel += (row.kernel.empty() ? "" : "+") + kernel;
    }
    ++row.steps;
    row.ms += step_ms[step++];
  });
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].node = plan.node_names[i];
    const auto macs = found.macs_of.find(rows[i].node);
    if (macs != found.macs_of.end()) rows[i].macs = macs->second;
  }
  std::erase_if(rows, [](const Row& row) { return row.steps == 0; });
  return rows;
}

// The rows' sums by kernel, the slowest first.
std::vector<Row> sum_by_kernel(const std::vector<Row>& rows) {
  std::map<std::string, Row> sums;
  for (const Row& row : rows) {
    Row& sum = sums[row.kernel];
    sum.kernel = row.kernel;
    sum.steps += row.steps;
    sum.macs += row.macs;
    sum.ms += row.ms;
  }
  std::vector<Row> sorted;
  for (auto& [kernel, sum] : sums) sorted.push_back(std::move(sum));
  std::ranges::stable_sort(sorted, std::greater(), &Row::ms);
  return sorted;
}

double total_ms(const std::vector<Row>& rows) {
  double total = 0;
  for (const Row& row : rows) total += row.ms;
  return total;
}

void write_rows(JsonOut& out, const char* key, const std::vector<Row>& rows, double peak) {
  const double total = total_ms(rows);
  out.key(key).begin_array();
  for (const Row& row : rows) {
    out.begin_object();
    if (!row.node.empty()) out.member("node", row.node);
    out.member("kernel", row.kernel).member("steps", uint64_t{row.steps}).member("macs", row.macs);
    out.member("ms", rounded(row.ms, 5)).member("share", rounded(row.ms / total, 4));
    out.member("gflops", rounded(gflops(row.macs, row.ms), 2));
    out.member("of_peak", rounded(gflops(row.macs, row.ms) / peak, 4)).end_object();
  }
  out.end_array();
}

void print_json(const Findings& found, const Options& options) {
  const double median = percentile(found.times, 0.5);
  const double peak = found.peak * found.session->threads();
  JsonOut out;
  out.begin_object().member("model", found.location).member("threads", found.session->threads());
  out.member("runs", options.runs).member("macs", found.macs).member("first_ms", rounded(found.first_ms, 4));
  out.member("p50_ms", rounded(median, 4)).member("p95_ms", rounded(percentile(found.times, 0.95), 4));
  out.member("gflops", rounded(gflops(found.macs, median), 2));
  out.member("peak_gflops", rounded(found.peak, 2));
  out.member("of_peak", rounded(gflops(found.macs, median) / peak, 4));
  if (options.per_op) {
    write_rows(out, "nodes", found.nodes, peak);
    write_rows(out, "kernels", found.kernels, peak);
  }
  out.end_object().print();
}

// A width of 0 leaves the nodes' column out.
void print_rows(const std::vector<Row>& rows, double peak, int node_width) {
  const auto print_node = [node_width](const char* node) {
    if (node_width > 0) std::printf("%-*s ", node_width, node);
  };
  const double total = total_ms(rows);
  std::printf("\n");
  print_node("node");
  std::printf("%-12s %5s %12s %9s %7s %8s %8s\n", "kernel", "steps", "MACs", "ms", "share", "GFLOP/s",
              "of peak");
  for (const Row& row : rows) {
    print_node(row.node.c_str());
    std::printf("%-12s %5zu ", row.kernel.c_str(), row.steps);
    if (row.macs == 0) {
      std::printf("%12s %9.4f %5.1f %% %8s %8s\n", "-", row.ms, 100 * row.ms / total, "-", "-");
    } else {
      const double speed = gflops(row.macs, row.ms);
      std::printf("%12lld %9.4f %5.1f %% %8.1f %6.0f %%\n", static_cast<long long>(row.macs), row.ms,
                  100 * row.ms / total, speed, 100 * speed / peak);
    }
  }
}

void print_text(const Findings& found, const Options& options) {
  const double median = percentile(found.times, 0.5);
  const double peak = found.peak * found.session->threads();
  std::printf("%s, %d %s, %.1f M MACs\n", found.location.c_str(), found.session->threads(),
              found.session->threads() == 1 ? "thread" : "threads", static_cast<double>(found.macs) / 1e6);
  std::printf("first run %.3f ms; %d runs: median %.3f ms, p95 %.3f ms\n", found.first_ms, options.runs,
              median, percentile(found.times, 0.95));
  std::printf("%.1f GFLOP/s, %.0f %% of the peak of %.1f (%.1f for each thread)\n",
              gflops(found.macs, median), 100 * gflops(found.macs, median) / peak, peak, found.peak);
  if (!options.per_op) return;
  size_t width = 4;
  for (const Row& row : found.nodes) width = std::max(width, row.node.size());
  print_rows(found.nodes, peak, static_cast<int>(width));
  print_rows(found.kernels, peak, 0);
}

Result<void> compile(const Options& options, TfjsModel& model, Findings& found) {
  TfjsOptions reading;
  for (const std::string& shape : options.model.shapes) TRY(parse_shape_flag(shape, reading));
  TRY_ASSIGN(Graph graph, model.to_graph(reading));
  // The session keeps no graph, so its nodes' MACs come from one that went through the same passes.
  Graph optimised = graph;
  TRY(run_passes(optimised));
  for (const Node& node : optimised.nodes()) found.macs_of[node.name] += node_macs(optimised, node);
  CompileReport report;
  TRY_ASSIGN(found.session, compile_cpu(std::move(graph), {.threads = options.model.threads}, &report));
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
  found.peak = measure_peak();
  found.first_ms = timed_run(session, inputs);
  {
    Progress progress("runs", static_cast<size_t>(options.runs));
    for (int i = 0; i < options.runs; ++i) {
      found.times.push_back(timed_run(session, inputs));
      progress.step();
    }
  }
  if (options.per_op) {
    found.nodes = rows_by_node(found, profile(session, inputs, options.runs));
    found.kernels = sum_by_kernel(found.nodes);
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
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app->add_flag("--per-op", options->per_op,
                "Show each node's kernel, MACs, median time and share of the peak, and sums by kernel");
  add_json_flag(*app, options->json);
  app->footer(
      "Examples:\n"
      "  linnet bench models/mobilenet\n"
      "  linnet bench models/mobilenet --per-op --threads 2\n"
      "  linnet bench models/mobilenet --per-op --runs 200 --json");
  return {app, [options] { return bench(*options); }};
}

}  // namespace linnet

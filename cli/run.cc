// linnet run: feeds tensors to a model and shows or writes what comes out.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/model_inputs.h"
#include "cli/progress.h"
#include "cli/scores.h"
#include "cli/tensor_files.h"
#include "cli/timing.h"

namespace linnet {
namespace {

struct Options {
  ModelFlags model;
  std::vector<std::string> inputs;
  std::string output, save_input;
  int repeat = 1;
  bool json = false;
};

struct Summary {
  double min = INFINITY, max = -INFINITY, mean = 0;
  int64_t not_finite = 0;
};

Summary summarise(const TensorView& tensor) {
  Summary summary;
  const int64_t count = tensor.elements();
  for (int64_t i = 0; i < count; ++i) {
    const double value = element_at(tensor, i);
    if (!std::isfinite(value)) {
      ++summary.not_finite;
      continue;
    }
    summary.min = std::min(summary.min, value);
    summary.max = std::max(summary.max, value);
    summary.mean += value;
  }
  summary.mean /= static_cast<double>(count - summary.not_finite);
  return summary;
}

// Milliseconds of each of `repeat` runs. Several runs follow some that do not count: these bring memory in
// and find the number of threads.
std::vector<double> time_runs(Session& session, const std::vector<Buffer>& inputs, int repeat) {
  if (repeat == 1) return {timed_run(session, inputs)};
  timed_run(session, inputs);
  settle_threads(session, inputs);
  Progress progress("runs", static_cast<size_t>(repeat));
  std::vector<double> times;
  for (int i = 0; i < repeat; ++i) {
    times.push_back(timed_run(session, inputs));
    progress.step();
  }
  return times;
}

void print_json(Session& session, const std::string& location, const std::vector<double>& times,
                const std::vector<std::string>& files) {
  JsonOut out;
  out.begin_object().member("model", location).key("outputs").begin_array();
  for (size_t i = 0; i < session.outputs().size(); ++i) {
    const PlanPort& port = session.outputs()[i];
    const Summary summary = summarise(session.output(i));
    out.begin_object().member("name", port.name).member("dtype", dtype_name(port.dtype));
    out.member("shape", port.shape).member("min", summary.min).member("max", summary.max);
    out.member("mean", summary.mean).member("not_finite", summary.not_finite);
    if (!files.empty()) out.member("file", files[i]);
    out.end_object();
  }
  out.end_array().member("threads", session.threads()).member("runs", uint64_t{times.size()});
  out.member("p50_ms", rounded(percentile(times, 0.5), 3))
      .member("p95_ms", rounded(percentile(times, 0.95), 3));
  out.end_object().print();
}

void print_text(Session& session, const std::vector<double>& times, FILE* to) {
  for (size_t i = 0; i < session.outputs().size(); ++i) {
    const PlanPort& port = session.outputs()[i];
    const Summary summary = summarise(session.output(i));
    std::fprintf(to, "%s  %s%s  min %.6g  max %.6g  mean %.6g\n", port.name.c_str(), dtype_name(port.dtype),
                 port.shape.to_string().c_str(), summary.min, summary.max, summary.mean);
    if (summary.not_finite != 0) {
      std::fprintf(to, "  %lld elements are infinite or not a number\n",
                   static_cast<long long>(summary.not_finite));
    }
  }
  const std::string threads = threads_text(session);
  if (times.size() == 1) {
    std::fprintf(to, "%.3f ms, %s\n", times[0], threads.c_str());
  } else {
    std::fprintf(to, "%zu runs: median %.3f ms, p95 %.3f ms, %s\n", times.size(), percentile(times, 0.5),
                 percentile(times, 0.95), threads.c_str());
  }
}

Result<int> run(const Options& options) {
  if (options.json && options.output == "-") {
    return fail(ErrorCode::InvalidArgument,
                "--json and --output - both want stdout; write the output to a file");
  }
  TRY_ASSIGN(LoadedModel loaded, load_model(options.model));
  Session& session = *loaded.session;
  TRY_ASSIGN(std::vector<Buffer> inputs, read_inputs(options.inputs, session));
  if (!options.save_input.empty()) {
    std::vector<NamedTensor> tensors;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const PlanPort& port = session.inputs()[i];
      tensors.push_back({port.name, {port.dtype, port.shape, inputs[i].data()}});
    }
    TRY(write_tensors(tensors, options.save_input));
  }
  const std::vector<double> times = time_runs(session, inputs, options.repeat);

  std::vector<std::string> files;
  if (!options.output.empty()) {
    std::vector<NamedTensor> tensors;
    for (size_t i = 0; i < session.outputs().size(); ++i) {
      tensors.push_back({session.outputs()[i].name, session.output(i)});
    }
    TRY_ASSIGN(files, write_tensors(tensors, options.output));
  }
  if (options.json) {
    print_json(session, loaded.location, times, files);
  } else {
    print_text(session, times, options.output == "-" ? stderr : stdout);
  }
  return kExitOk;
}

}  // namespace

Command add_run(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App* app =
      parent.add_subcommand("run", "Runs a model on tensors from files or on reproducible random numbers");
  add_model_flags(*app, options->model, true);
  app->add_option(
         "--input", options->inputs,
         "A .npy file, or the raw little-endian elements, or random[:SEED] for numbers from 0 to 1 (0 to 255 "
         "for whole numbers); NAME= in front for one of several inputs")
      ->type_name("[NAME=]FILE|random[:SEED]")
      ->required()
      ->take_all();
  app->add_option(
         "--output", options->output,
         "Write the output: FILE.npy, any other FILE for raw elements, DIR/ for NAME.npy of each output, - "
         "for raw elements on stdout")
      ->type_name("FILE|DIR/|-");
  app->add_option("--save-input", options->save_input,
                  "Write the input too, for other programs to use the same")
      ->type_name("FILE|DIR/");
  app->add_option("--repeat", options->repeat, "Run N times and show median and 95th percentile of the times")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app->add_flag("--reference", options->model.reference,
                "Run without optimisation on the reference kernels: slow");
  add_json_flag(*app, options->json);
  app->footer(
      "Examples:\n"
      "  linnet run models/mobilenet --input random:7 --repeat 50\n"
      "  linnet run models/mobilenet --input photo.npy --output logits.npy\n"
      "  linnet run models/blazeface --input random --output out/");
  return {app, [options] { return run(*options); }};
}

}  // namespace linnet

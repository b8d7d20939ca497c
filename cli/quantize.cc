// linnet quantize: a model with smaller weights: fp16, or int8 with ranges measured on samples.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/classify_flags.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/model_writer.h"
#include "cli/progress.h"
#include "cli/samples.h"
#include "compress/calibrator.h"
#include "passes/pipeline.h"

namespace linnet {
namespace {

struct Options {
  ModelFlags model;
  ClassifyFlags images;
  std::string samples, output;
  size_t limit = 0;  // 0: all
  bool int8 = false, fp16 = false;
  bool json = false;
};

struct Outcome {
  WrittenModel written;
  uint64_t bytes_before = 0;
  size_t samples = 0;
  size_t values = 0;
  double seconds = 0;
};

Result<Ranges> calibrate(const Options& options, Graph graph, const std::string& metadata, Outcome* outcome) {
  TRY_ASSIGN(const std::vector<std::string> files,
             list_samples(options.samples, SampleKinds::ImagesAndTensors, options.limit));
  TRY_ASSIGN(const std::unique_ptr<Calibrator> calibrator,
             Calibrator::create(std::move(graph), options.model.threads));
  SampleFeeder feeder(calibrator->session(), metadata, options.images.preprocessing());
  Progress progress("samples", files.size());
  for (const std::string& file : files) {
    TRY(feeder.fill(file));
    auto observed = calibrator->observe();
    if (!observed) return std::unexpected(observed.error().within(file));
    progress.step();
  }
  outcome->samples = calibrator->samples();
  Ranges ranges = calibrator->ranges();
  outcome->values = ranges.size();
  // One colour, or a model that computes nothing: no range to quantise by.
  if (std::ranges::all_of(ranges, [](const auto& entry) { return entry.second.low == entry.second.high; }))
    return fail(ErrorCode::InvalidArgument, "%s: every value stays the same: these samples cannot calibrate",
                options.samples.c_str());
  return ranges;
}

double mib(uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

void print(const Options& options, const Outcome& outcome) {
  const WrittenModel& written = outcome.written;
  if (!options.json) {
    if (options.int8) std::printf("calibrated  %zu values on %zu samples\n", outcome.values, outcome.samples);
    std::printf("weights     %.2f MiB, %.2f before\n", mib(written.weights_bytes), mib(outcome.bytes_before));
    std::printf("wrote       %s in %.1f s\n", written.model_json.c_str(), outcome.seconds);
    return;
  }
  JsonOut out;
  out.begin_object().member("model", written.model_json).member("precision", options.int8 ? "int8" : "fp16");
  if (options.int8)
    out.member("samples", uint64_t{outcome.samples}).member("values", uint64_t{outcome.values});
  out.member("weights_bytes", written.weights_bytes).member("weights_bytes_before", outcome.bytes_before);
  out.member("seconds", rounded(outcome.seconds, 3)).end_object().print();
}

Result<int> quantize(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  TfjsOptions reading;
  for (const std::string& shape : options.model.shapes) TRY(parse_shape_flag(shape, reading));
  TRY_ASSIGN(ModelSource source, open_model(options.model.model));
  const auto work = [&]() -> Result<Outcome> {
    Outcome outcome;
    outcome.bytes_before = source.model->weights_bytes();
    TRY_ASSIGN(Graph graph, source.model->to_graph(reading));
    TRY(simplify(graph));
    std::string metadata = source.model->metadata_json();
    if (options.int8) {
      TRY_ASSIGN(const Ranges ranges, calibrate(options, graph, metadata, &outcome));
      metadata = with_ranges(metadata, ranges);
    }
    const WeightStorage storage = options.int8 ? WeightStorage::Codes : WeightStorage::Half;
    TRY_ASSIGN(
        outcome.written,
        write_model(graph, {.storage = [=](const Graph&, ValueId) { return storage; }, .metadata = metadata},
                    source.location, options.output));
    return outcome;
  };
  auto outcome = work();
  if (!outcome) return std::unexpected(outcome.error().within(source.location));
  outcome->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  print(options, *outcome);
  return kExitOk;
}

}  // namespace

Command add_quantize(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App* app =
      parent.add_subcommand("quantize", "Writes a smaller model: weights of 16 bits, or all of it in 8");
  add_model_flags(*app, options->model, true);
  add_output_flag(*app, options->output);
  CLI::Option_group* precision = app->add_option_group("precision");
  CLI::Option* int8 =
      precision->add_flag("--int8", options->int8,
                          "Weights of 8 bits, one scale a channel; activations of 7 bits, by --calibrate");
  precision->add_flag("--fp16", options->fp16, "Weights of 16 bits; computed in f32");
  precision->require_option(1);
  CLI::Option* samples =
      app->add_option("--calibrate", options->samples, "Directory of images or .npy files like those to come")
          ->type_name("DIR")
          ->check(CLI::ExistingDirectory);
  int8->needs(samples);
  app->add_option("--limit", options->limit, "Only the first N samples by name")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  add_image_flags(*app, options->images);
  add_json_flag(*app, options->json);
  app->footer(
      "Batch norms are folded into weights. Weight files of at most 4 MB. The model stays one that "
      "TensorFlow.js runs.\n"
      "Example:\n"
      "  linnet quantize models/mobilenet -o mobilenet-int8 --int8 --calibrate photos --limit 100");
  return {app, [options] { return quantize(*options); }};
}

}  // namespace linnet

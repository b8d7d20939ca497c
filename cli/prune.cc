// linnet prune: a model with fewer channels, which takes less time.
#include "compress/prune.h"

#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/calibration.h"
#include "cli/classify_flags.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/model_writer.h"
#include "cli/views.h"
#include "passes/pipeline.h"

namespace linnet {
namespace {

struct Options {
  ModelFlags model;
  ClassifyFlags images;
  std::string samples, output;
  size_t limit = 0;  // 0: all
  size_t views = 4;
  double macs = 0.75;
  std::string criterion;  // empty: the best there is
  int32_t multiple = 8;
  size_t steps = 3000;
  bool json = false;
};

struct Outcome {
  PruneResult pruned;
  WrittenModel written;
  uint64_t bytes_before = 0;
  size_t samples = 0;
  double seconds = 0;
};

double percent(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

void print_text(const Outcome& outcome) {
  const PruneResult& pruned = outcome.pruned;
  size_t width = 5;
  for (const PrunedGroup& group : pruned.groups) width = std::max(width, group.name.size());
  std::printf("%-*s  channels   kept    MMACs   left     error\n", static_cast<int>(width), "group");
  for (const PrunedGroup& group : pruned.groups)
    std::printf("%-*s  %8d  %5d  %7.2f  %4.0f %%  %8.2g\n", static_cast<int>(width), group.name.c_str(),
                group.channels, group.kept, static_cast<double>(group.macs) * 1e-6,
                percent(group.macs_kept, group.macs), group.error);
  std::printf("MACs        %.1f M, %.1f M before: %.1f %%\n", static_cast<double>(pruned.macs_kept) * 1e-6,
              static_cast<double>(pruned.macs) * 1e-6, percent(pruned.macs_kept, pruned.macs));
  if (outcome.samples > 0) std::printf("error       %.3g on %zu samples\n", pruned.error, outcome.samples);
  std::printf("weights     %.2f MiB, %.2f before\n",
              static_cast<double>(outcome.written.weights_bytes) / (1 << 20),
              static_cast<double>(outcome.bytes_before) / (1 << 20));
  std::printf("wrote       %s in %.1f s\n", outcome.written.model_json.c_str(), outcome.seconds);
}

void print_json(const Outcome& outcome) {
  const PruneResult& pruned = outcome.pruned;
  JsonOut out;
  out.begin_object().member("model", outcome.written.model_json);
  out.member("macs", pruned.macs_kept).member("macs_before", pruned.macs);
  out.member("samples", uint64_t{outcome.samples}).member("error", pruned.error);
  out.member("weights_bytes", outcome.written.weights_bytes);
  out.member("weights_bytes_before", outcome.bytes_before).member("seconds", rounded(outcome.seconds, 3));
  out.key("groups").begin_array();
  for (const PrunedGroup& group : pruned.groups) {
    out.begin_object().member("name", group.name);
    out.member("channels", int64_t{group.channels}).member("kept", int64_t{group.kept});
    out.member("macs", group.macs_kept).member("macs_before", group.macs);
    out.member("error", group.error).end_object();
  }
  out.end_array().end_object().print();
}

Result<Outcome> prune_model(const Options& options, const ModelSource& source, Graph graph) {
  Outcome outcome;
  outcome.bytes_before = source.model->weights_bytes();
  TRY(simplify(graph));
  const std::string metadata = source.model->metadata_json();
  PruneOptions pruning{.macs = options.macs,
                       .multiple = options.multiple,
                       .threads = thread_count(options.model),
                       .steps = options.steps};
  Samples samples;
  if (!options.samples.empty()) {
    TRY_ASSIGN(ViewedSamples read, read_samples(graph, options.samples, options.limit, options.views,
                                                metadata, options.images.preprocessing()));
    samples = std::move(read.samples);
    pruning.views = read.views;
    pruning.images = read.images;
    outcome.samples = samples.size();
  }
  if (options.criterion.empty())
    pruning.criterion = samples.empty() ? PruneCriterion::L2 : PruneCriterion::Reconstruction;
  else
    criterion_from_name(options.criterion, &pruning.criterion);
  Stages stages;
  pruning.progress = [&](const char* stage, size_t done, size_t total) { stages.show(stage, done, total); };
  TRY_ASSIGN(outcome.pruned, prune(graph, samples, pruning));
  TRY_ASSIGN(outcome.written,
             write_model(outcome.pruned.graph, {.metadata = metadata}, source.location, options.output));
  return outcome;
}

Result<int> run_prune(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  TfjsOptions reading;
  for (const std::string& shape : options.model.shapes) TRY(parse_shape_flag(shape, reading));
  TRY_ASSIGN(ModelSource source, open_model(options.model.model));
  auto graph = source.model->to_graph(reading);
  if (!graph) return std::unexpected(graph.error().within(source.location));
  auto outcome = prune_model(options, source, std::move(*graph));
  if (!outcome) return std::unexpected(outcome.error().within(source.location));
  outcome->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  options.json ? print_json(*outcome) : print_text(*outcome);
  return kExitOk;
}

}  // namespace

Command add_prune(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("prune", "Writes a model with fewer channels, which takes less time");
  add_model_flags(*app, options->model, true);
  add_output_flag(*app, options->output);
  app->add_option("--macs", options->macs, "Multiply-accumulates to leave, as a part of all (0.75)")
      ->type_name("PART")
      ->check(CLI::Range(0.01, 0.99));
  CLI::Option* samples =
      app->add_option(
             "--calibrate", options->samples,
             "Directory of images or .npy files like those to come; without it only the weights decide")
          ->type_name("DIR")
          ->check(CLI::ExistingDirectory);
  app->add_option("--limit", options->limit, "Only the first N samples by name")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->needs(samples);
  app->add_option("--views", options->views,
                  "Views of each image to calibrate with: as it is, mirrored, closer, and so on (4)")
      ->type_name("N")
      ->check(CLI::Range(1, 16))
      ->needs(samples);
  app->add_option("--criterion", options->criterion,
                  "What tells which channels go: l1, l2 (weights alone), activation, reconstruction (need "
                  "--calibrate; the latter by itself)")
      ->type_name("NAME")
      ->check(CLI::IsMember({"l1", "l2", "activation", "reconstruction"}));
  app->add_option("--multiple", options->multiple, "Numbers of channels to keep are multiples of N (8)")
      ->type_name("N")
      ->check(CLI::Range(1, 64));
  app->add_option(
         "--steps", options->steps,
         "Steps of training all layers together on what the original computes, 16 views each: fewer take "
         "less time, 0 none (1000)")
      ->type_name("N")
      ->check(CLI::Range(0, 100'000))
      ->needs(samples);
  add_image_flags(*app, options->images);
  add_json_flag(*app, options->json);
  app->footer(
      "No labels are needed. The model stays one that TensorFlow.js runs.\n"
      "Example:\n"
      "  linnet prune models/mobilenet -o mobilenet-75 --macs 0.75 --calibrate photos --limit 100");
  return {app, [options] { return run_prune(*options); }};
}

}  // namespace linnet

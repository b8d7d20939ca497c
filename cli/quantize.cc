// linnet quantize: a model with smaller weights: fp16, or int8 with ranges measured on samples.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <thread>

#include "cli/classify_flags.h"
#include "cli/commands.h"
#include "cli/io.h"
#include "cli/json.h"
#include "cli/labels.h"
#include "cli/model_writer.h"
#include "cli/photos.h"
#include "cli/progress.h"
#include "cli/samples.h"
#include "cli/table.h"
#include "compress/post_training.h"
#include "passes/pipeline.h"
#include "passes/quantize_weights.h"

namespace linnet {
namespace {

constexpr uint64_t kMostSampleBytes = uint64_t{1} << 30;
constexpr uint64_t kMostLabelBytes = uint64_t{64} << 20;

struct Options {
  ModelFlags model;
  ClassifyFlags images;
  std::string samples, labels, output;
  size_t limit = 0;  // 0: all
  double most_drop = 0;
  bool has_most_drop = false;
  bool int8 = false, fp16 = false;
  bool json = false;
};

struct Outcome {
  WrittenModel written;
  uint64_t bytes_before = 0;
  size_t samples = 0;
  size_t values = 0;
  bool labelled = false;
  QuantizeReport report;
  double seconds = 0;
};

// The samples of a directory as the model's input takes them.
struct CalibrationSet {
  std::vector<std::string> files;
  Samples samples;
};

// Are all positions of an image alike?
bool is_one_colour(const TensorView& image) {
  if (image.shape.rank() != 4 || image.elements() == image.shape.back()) return false;
  const size_t pixel = static_cast<size_t>(image.shape.back()) * dtype_size(image.dtype);
  return std::memcmp(image.data, image.data + pixel, image.bytes() - pixel) == 0;
}

Result<CalibrationSet> read_samples(const Options& options, const Graph& graph, const std::string& metadata) {
  CalibrationSet set;
  TRY_ASSIGN(set.files, list_samples(options.samples, SampleKinds::ImagesAndTensors, options.limit));
  // A model that only has the input.
  Graph inputs = graph;
  inputs.ranges.clear();
  inputs.outputs = inputs.inputs;
  TRY_ASSIGN(const std::unique_ptr<Session> session, compile_cpu(std::move(inputs), {}, nullptr));
  SampleFeeder feeder(*session, metadata, options.images.preprocessing());
  Progress progress("samples read", set.files.size());
  size_t one_colour = 0;
  for (const std::string& file : set.files) {
    TRY(feeder.fill(file));
    const TensorView input = session->input(0);
    if (input.bytes() * set.files.size() > kMostSampleBytes)
      return fail(ErrorCode::TooLarge,
                  "%s: %zu samples of this model take more than a gibibyte: give --limit",
                  options.samples.c_str(), set.files.size());
    TRY_ASSIGN(Tensor sample, Tensor::zeros(input.dtype, input.shape));
    std::memcpy(sample.mutable_data(), input.data, input.bytes());
    one_colour += is_one_colour(input);
    set.samples.push_back(std::move(sample));
    progress.step();
  }
  if (one_colour > 0)
    std::fprintf(stderr, "linnet: %zu of %zu samples are of one colour: they tell little about the ranges\n",
                 one_colour, set.files.size());
  constexpr size_t kFew = 20;
  if (set.files.size() < kFew)
    std::fprintf(stderr, "linnet: %zu samples are few: about a hundred give good ranges\n", set.files.size());
  return set;
}

// The class of each sample, where labels are given or lie beside the samples; none where one is missing.
Result<std::vector<size_t>> read_labels(const Options& options, const Graph& graph,
                                        const std::vector<std::string>& files) {
  namespace fs = std::filesystem;
  std::string location = options.labels;
  if (location.empty()) {
    const fs::path beside = fs::path(options.samples) / "labels.json";
    if (!fs::is_regular_file(beside)) return std::vector<size_t>();
    location = beside.string();
  }
  TRY_ASSIGN(const Buffer text, read_location(location, kMostLabelBytes));
  auto truth = parse_truth(as_text(text));
  if (!truth) return std::unexpected(truth.error().within(location));
  const Shape& shape = graph.value(graph.outputs[0].value).shape;
  const size_t classes = shape.rank() == 0 ? 0 : static_cast<size_t>(shape.back());
  std::vector<size_t> labels;
  for (const std::string& file : files) {
    const auto found = std::ranges::find(*truth, fs::path(file).filename().string(), &Truth::file);
    if (found == truth->end()) {
      std::fprintf(stderr, "linnet: %s does not name %s: the drop is measured without labels\n",
                   location.c_str(), file.c_str());
      return std::vector<size_t>();
    }
    const size_t label = static_cast<size_t>(found->index) + background_classes(classes);
    if (label >= classes && options.labels.empty()) {
      std::fprintf(stderr,
                   "linnet: %s is not of this model's %zu classes: the drop is measured without labels\n",
                   location.c_str(), classes);
      return std::vector<size_t>();
    }
    if (label >= classes)
      return fail(ErrorCode::WrongSize, "%s: %s is of class %zu, but the model has %zu classes",
                  location.c_str(), file.c_str(), label, classes);
    labels.push_back(label);
  }
  return labels;
}

// A bar for each stage of the work.
class Stages {
 public:
  void show(const char* what, size_t done, size_t total) {
    if (done == 1) {
      bar_.reset();
      bar_ = std::make_unique<Progress>(what, total);
    }
    bar_->step();
    if (done == total) bar_.reset();
  }

 private:
  std::unique_ptr<Progress> bar_;
};

// Quantises `graph` on the samples.
Result<void> quantize_on_samples(const Options& options, Graph& graph, const std::string& metadata,
                                 Outcome* outcome) {
  TRY_ASSIGN(CalibrationSet set, read_samples(options, graph, metadata));
  QuantizeOptions quantizing;
  const int machine = static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u));
  quantizing.threads =
      options.model.threads > 0 ? options.model.threads : std::min(machine, ThreadPool::kMaxThreads);
  quantizing.names = set.files;
  if (options.has_most_drop) quantizing.most_drop = options.most_drop;
  TRY_ASSIGN(quantizing.labels, read_labels(options, graph, set.files));
  Stages stages;
  quantizing.progress = [&](const char* what, size_t done, size_t total) { stages.show(what, done, total); };
  outcome->samples = set.samples.size();
  outcome->labelled = !quantizing.labels.empty();
  TRY_ASSIGN(outcome->report, quantize_model(graph, set.samples, quantizing));
  outcome->values = graph.ranges.size();
  return {};
}

double mib(uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

void print_json(const Options& options, const Outcome& outcome) {
  const WrittenModel& written = outcome.written;
  JsonOut out;
  out.begin_object().member("model", written.model_json).member("precision", options.int8 ? "int8" : "fp16");
  if (options.int8) {
    const QuantizeReport& report = outcome.report;
    out.member("samples", uint64_t{outcome.samples}).member("values", uint64_t{outcome.values});
    out.member("labelled", outcome.labelled).member("equalised_channels", report.equalised);
    out.key("range_methods").begin_object();
    for (const auto& [method, count] : report.ranges.methods) out.member(method, count);
    out.end_object();
    const auto deviation = [&](const Deviation& of) {
      if (of.classifies) out.member("agreement", rounded(100 * of.agreement, 2));
      if (of.classifies) out.member("divergence", rounded(of.divergence, 6));
      out.member("sqnr_db", rounded(of.sqnr, 2)).member("drop", rounded(of.drop, 3));
    };
    deviation(report.deviation);
    out.key("layers").begin_array();
    for (const LayerSensitivity& layer : report.layers) {
      out.begin_object().member("layer", layer.name).member("op", layer.op);
      out.member("weights", uint64_t{layer.weights}).member("precision", layer.kept ? "fp16" : "int8");
      deviation(layer.deviation);
      out.end_object();
    }
    out.end_array();
  }
  out.member("weights_bytes", written.weights_bytes).member("weights_bytes_before", outcome.bytes_before);
  out.member("seconds", rounded(outcome.seconds, 3)).end_object().print();
}

void print_text(const Options& options, const Outcome& outcome) {
  const WrittenModel& written = outcome.written;
  if (options.int8) {
    const QuantizeReport& report = outcome.report;
    const bool classifies = report.deviation.classifies;
    Table table({"layer alone in int8", "op", "weights", "SQNR dB", classifies ? "KL" : "error %", "kept in"},
                2);
    for (const LayerSensitivity& layer : report.layers)
      table.add({layer.name, layer.op, formatted("%zu", layer.weights),
                 formatted("%.1f", layer.deviation.sqnr),
                 classifies ? formatted("%.5f", layer.deviation.divergence)
                            : formatted("%.2f", layer.deviation.drop),
                 layer.kept ? "fp16" : "int8"});
    table.print();
    std::printf("\ncalibrated  %zu values on %zu samples; ranges by", outcome.values, outcome.samples);
    for (const auto& [method, count] : report.ranges.methods) std::printf(" %s %d", method, count);
    std::printf("\nequalised   %d channels\n", report.equalised);
    if (classifies) std::printf("agreement   %.1f %% on the samples\n", 100 * report.deviation.agreement);
    std::printf("drop        %.2f %s\n", report.deviation.drop,
                !classifies        ? "% of the outputs' deviation"
                : outcome.labelled ? "points on the labelled samples"
                                   : "points, estimated without labels");
  }
  std::printf("weights     %.2f MiB, %.2f before\n", mib(written.weights_bytes), mib(outcome.bytes_before));
  std::printf("wrote       %s in %.1f s\n", written.model_json.c_str(), outcome.seconds);
}

void warn_of_drop(const Options& options, const Outcome& outcome) {
  if (options.has_most_drop && outcome.report.deviation.drop > options.most_drop)
    std::fprintf(stderr, "linnet: the drop is %.2f, more than %.2f, with every layer kept\n",
                 outcome.report.deviation.drop, options.most_drop);
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
    TfjsExportOptions exporting;
    exporting.storage = [](const Graph&, ValueId) { return WeightStorage::Half; };
    if (options.int8) {
      auto quantized = quantize_on_samples(options, graph, metadata, &outcome);
      if (!quantized) return std::unexpected(quantized.error().within(options.samples));
      metadata = with_ranges(metadata, graph.ranges);
      exporting.storage = codes_where_calibrated;
    }
    exporting.metadata = metadata;
    TRY_ASSIGN(outcome.written, write_model(graph, exporting, source.location, options.output));
    return outcome;
  };
  auto outcome = work();
  if (!outcome) return std::unexpected(outcome.error().within(source.location));
  outcome->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (options.int8) warn_of_drop(options, *outcome);
  options.json ? print_json(options, *outcome) : print_text(options, *outcome);
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
  CLI::Option* drop =
      app->add_option("--max-drop", options->most_drop,
                      "Keep layers in fp16 until the answers to the samples are worse by no more points")
          ->type_name("POINTS")
          ->check(CLI::NonNegativeNumber)
          ->needs(int8);
  app->add_option(
         "--labels", options->labels,
         "Class of each sample, to measure the drop by, as for evaluate; by itself labels.json of the "
         "directory")
      ->type_name("FILE")
      ->needs(int8);
  add_image_flags(*app, options->images);
  add_json_flag(*app, options->json);
  app->footer(
      "Batch norms are folded into weights. Weight files of at most 4 MB. The model stays one that "
      "TensorFlow.js runs.\n"
      "Example:\n"
      "  linnet quantize models/mobilenet -o mobilenet-int8 --int8 --calibrate photos --limit 100");
  return {app, [options, drop] {
            options->has_most_drop = drop->count() > 0;
            return quantize(*options);
          }};
}

}  // namespace linnet

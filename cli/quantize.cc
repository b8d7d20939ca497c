// linnet quantize: a model with smaller weights: fp16, or int8 with ranges measured on samples.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "cli/calibration.h"
#include "cli/classify_flags.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/model_writer.h"
#include "cli/samples.h"
#include "cli/table.h"
#include "compress/post_training.h"
#include "passes/pipeline.h"
#include "passes/quantize_weights.h"

namespace linnet {
namespace {

struct Options {
  ModelFlags model;
  ClassifyFlags images;
  std::string samples, labels, output;
  size_t limit = 0;  // 0: all
  std::optional<double> most_drop;
  bool fp16 = false, int8 = false, dynamic_int8 = false;
  bool json = false;

  // Are layers chosen, and quantised?
  bool has_layers() const { return int8 || dynamic_int8; }
};

struct Outcome {
  WrittenModel written;
  uint64_t bytes_before = 0;
  size_t samples = 0;
  size_t values = 0;  // with a measured range
  bool labelled = false;
  QuantizeReport report;
  std::vector<LayerSensitivity> left;  // with weights that dynamic int8 has no form for
  double seconds = 0;
};

// The layers that have constant weights and are not among those of `report`.
std::vector<LayerSensitivity> layers_left(const Graph& graph, const QuantizeReport& report) {
  std::vector<LayerSensitivity> left;
  for (const Node& node : graph.nodes()) {
    const bool has_weights = node.op == Op::matmul || node.op == Op::conv2d ||
                             node.op == Op::depthwise_conv2d || node.op == Op::conv2d_transpose;
    if (has_weights && graph.value(node.inputs[1]).is_constant() &&
        std::ranges::find(report.layers, node.name, &LayerSensitivity::name) == report.layers.end())
      left.push_back(describe_layer(graph, node));
  }
  return left;
}

// Quantises `graph`, on the samples if there are any.
Result<void> quantize_weights(const Options& options, Graph& graph, const std::string& metadata,
                              Outcome* outcome) {
  QuantizeOptions quantizing;
  Samples samples;
  if (!options.samples.empty()) {
    TRY_ASSIGN(quantizing.names, list_samples(options.samples, SampleKinds::ImagesAndTensors, options.limit));
    TRY_ASSIGN(samples, read_samples(graph, quantizing.names, metadata, options.images.preprocessing()));
    TRY_ASSIGN(quantizing.labels,
               read_sample_classes(graph, quantizing.names, options.samples, options.labels));
    constexpr size_t kFew = 20;
    if (options.int8 && samples.size() < kFew)
      std::fprintf(stderr, "linnet: %zu samples are few: about a hundred give good ranges\n", samples.size());
  }
  quantizing.threads = thread_count(options.model);
  if (options.most_drop) quantizing.most_drop = *options.most_drop;
  Stages stages;
  quantizing.progress = [&](const char* what, size_t done, size_t total) { stages.show(what, done, total); };
  outcome->samples = samples.size();
  outcome->labelled = !quantizing.labels.empty();
  const auto quantize_them = options.int8           ? quantize_model
                             : options.dynamic_int8 ? quantize_dynamically
                                                    : round_to_halves;
  auto report = quantize_them(graph, samples, quantizing);
  if (!report && !samples.empty()) return std::unexpected(report.error().within(options.samples));
  TRY_ASSIGN(outcome->report, std::move(report));
  if (options.dynamic_int8) outcome->left = layers_left(graph, outcome->report);
  for (const auto& [name, range] : graph.ranges) outcome->values += !range.dynamic;
  return {};
}

double mib(uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

const char* precision_of(const Options& options) {
  return options.int8 ? "int8" : options.dynamic_int8 ? "dynamic-int8" : "fp16";
}

void write_deviation(JsonOut& out, const Deviation& of) {
  if (of.classifies) out.member("agreement", rounded(100 * of.agreement, 2));
  if (of.classifies) out.member("divergence", rounded(of.divergence, 6));
  out.member("sqnr_db", rounded(of.sqnr, 2)).member("drop", rounded(of.drop, 3));
}

void print_json(const Options& options, const Outcome& outcome) {
  const WrittenModel& written = outcome.written;
  const QuantizeReport& report = outcome.report;
  JsonOut out;
  out.begin_object().member("model", written.model_json).member("precision", precision_of(options));
  if (options.int8) {
    out.member("values", uint64_t{outcome.values}).member("equalised_channels", report.equalised);
    out.key("range_methods").begin_object();
    for (const auto& [method, count] : report.ranges.methods) out.member(method, count);
    out.end_object();
  }
  if (outcome.samples > 0) {
    out.member("samples", uint64_t{outcome.samples}).member("labelled", outcome.labelled);
    write_deviation(out, report.deviation);
  }
  if (options.has_layers()) {
    out.key("layers").begin_array();
    const auto write_layer = [&](const LayerSensitivity& layer, bool quantised) {
      out.begin_object().member("layer", layer.name).member("op", layer.op);
      out.member("weights", uint64_t{layer.weights}).member("precision", quantised ? "int8" : "fp16");
      if (quantised || layer.kept)
        if (outcome.samples > 0) write_deviation(out, layer.deviation);
      out.end_object();
    };
    for (const LayerSensitivity& layer : report.layers) write_layer(layer, !layer.kept);
    for (const LayerSensitivity& layer : outcome.left) write_layer(layer, false);
    out.end_array();
  }
  out.member("weights_bytes", written.weights_bytes).member("weights_bytes_before", outcome.bytes_before);
  out.member("seconds", rounded(outcome.seconds, 3)).end_object().print();
}

void print_layers(const QuantizeReport& report) {
  const bool classifies = report.deviation.classifies;
  Table table({"layer alone in int8", "op", "weights", "SQNR dB", classifies ? "KL" : "error %", "kept in"},
              2);
  for (const LayerSensitivity& layer : report.layers)
    table.add(
        {layer.name, layer.op, formatted("%zu", layer.weights), formatted("%.1f", layer.deviation.sqnr),
         classifies ? formatted("%.5f", layer.deviation.divergence) : formatted("%.2f", layer.deviation.drop),
         layer.kept ? "fp16" : "int8"});
  table.print();
  std::printf("\n");
}

// "3 conv2d, 17 depthwise_conv2d"
std::string counted_by_op(const std::vector<LayerSensitivity>& layers) {
  std::map<std::string, int> counts;
  for (const LayerSensitivity& layer : layers) ++counts[layer.op];
  std::string text;
  for (const auto& [op, count] : counts)
    text += (text.empty() ? "" : ", ") + formatted("%d %s", count, op.c_str());
  return text;
}

void print_text(const Options& options, const Outcome& outcome) {
  const WrittenModel& written = outcome.written;
  const QuantizeReport& report = outcome.report;
  if (options.has_layers() && outcome.samples > 0) print_layers(report);
  if (options.int8) {
    std::printf("calibrated  %zu values on %zu samples; ranges by", outcome.values, outcome.samples);
    for (const auto& [method, count] : report.ranges.methods) std::printf(" %s %d", method, count);
    std::printf("\nequalised   %d channels\n", report.equalised);
  }
  if (options.dynamic_int8) {
    const auto kept = std::ranges::count_if(report.layers, &LayerSensitivity::kept);
    std::printf("in int8     %zu layers: %s", report.layers.size() - static_cast<size_t>(kept),
                counted_by_op(report.layers).c_str());
    if (kept > 0) std::printf(", of which %td are kept in fp16", kept);
    std::printf("\n");
    if (!outcome.left.empty())
      std::printf("in fp16     the other layers: %s\n", counted_by_op(outcome.left).c_str());
  }
  if (outcome.samples > 0) {
    if (report.deviation.classifies)
      std::printf("agreement   %.1f %% on %zu samples\n", 100 * report.deviation.agreement, outcome.samples);
    std::printf("drop        %.2f %s\n", report.deviation.drop,
                !report.deviation.classifies ? "% of the outputs' deviation"
                : outcome.labelled           ? "points on the labelled samples"
                                             : "points, estimated without labels");
  }
  std::printf("weights     %.2f MiB, %.2f before\n", mib(written.weights_bytes), mib(outcome.bytes_before));
  std::printf("wrote       %s in %.1f s\n", written.model_json.c_str(), outcome.seconds);
}

void warn(const Options& options, const Outcome& outcome) {
  if (outcome.written.weights_bytes > outcome.bytes_before)
    std::fprintf(stderr,
                 "linnet: the weights take more bytes than before: the model stores them in fewer bits\n");
  if (options.most_drop && outcome.report.deviation.drop > *options.most_drop)
    std::fprintf(stderr, "linnet: the drop is %.2f, more than %.2f, with every layer kept\n",
                 outcome.report.deviation.drop, *options.most_drop);
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
    // Weights that are halves already would be rounded anew once something is folded into them.
    if (!options.fp16 || !are_mostly_halves(graph)) TRY(simplify(graph));
    std::string metadata = source.model->metadata_json();
    TfjsExportOptions exporting;
    exporting.storage = [](const Graph&, ValueId) { return WeightStorage::Half; };
    TRY(quantize_weights(options, graph, metadata, &outcome));
    if (options.has_layers()) {
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
  warn(options, *outcome);
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
  precision->add_flag(
      "--dynamic-int8", options->dynamic_int8,
      "The same for matrix products and 1x1 convolutions, whose activations are quantised row by "
      "row as the model runs; needs no samples");
  CLI::Option* fp16 = precision->add_flag("--fp16", options->fp16, "Weights of 16 bits; computed in f32");
  precision->require_option(1);
  CLI::Option* samples =
      app->add_option(
             "--calibrate", options->samples,
             "Directory of images or .npy files like those to come; needed for --int8, else to measure with")
          ->type_name("DIR")
          ->check(CLI::ExistingDirectory);
  int8->needs(samples);
  app->add_option("--limit", options->limit, "Only the first N samples by name")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->needs(samples);
  app->add_option("--max-drop", options->most_drop,
                  "Keep layers in fp16 until the answers to the samples are worse by no more points")
      ->type_name("POINTS")
      ->check(CLI::NonNegativeNumber)
      ->needs(samples)
      ->excludes(fp16);
  app->add_option(
         "--labels", options->labels,
         "Class of each sample, to measure the drop by, as for evaluate; by itself labels.json of the "
         "directory")
      ->type_name("FILE")
      ->needs(samples);
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

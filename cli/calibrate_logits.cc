// linnet calibrate-logits: has a classifier's probabilities be as sure as it is right.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <span>

#include "cli/classifier.h"
#include "cli/classify_flags.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/model_copy.h"
#include "cli/model_json.h"
#include "cli/photos.h"
#include "cli/progress.h"
#include "cli/scores.h"
#include "cli/table.h"
#include "compress/logits_calibration.h"

namespace linnet {
namespace {

struct Options {
  ModelFlags model;
  ClassifyFlags classify;
  std::string photos, labels, output;
  size_t limit = 0;  // 0: all
  size_t folds = 5;
  bool affine = false, json = false;
};

struct Findings {
  std::string model;
  size_t photos = 0;
  FittedCalibration fitted;
  CalibrationQuality written;  // of the model as it was written, on the photos that it was fitted on
  size_t changed = 0;          // answers
  bool golden_dropped = false;
};

// The scores before the softmax of output `port`, through what only moves elements, or the output itself.
ValueId logits_of(const Graph& graph, ValueId output, bool* has_softmax) {
  *has_softmax = false;
  for (ValueId at = output; graph.value(at).producer != kNone;) {
    const Node& node = graph.node(graph.value(at).producer);
    if (node.op == Op::softmax) {
      *has_softmax = true;
      return node.inputs[0];
    }
    if (node.op != Op::reshape && node.op != Op::identity) break;
    at = node.inputs[0];
  }
  return output;
}

// The model with the logits of `output` as its only output.
Result<LoadedModel> load_logits(const Options& options, const std::string& output, bool* has_softmax) {
  TfjsOptions reading;
  for (const std::string& shape : options.model.shapes) TRY(parse_shape_flag(shape, reading));
  TRY_ASSIGN(ModelSource source, open_model(options.model.model));
  TRY_ASSIGN(Graph graph, source.model->to_graph(reading));
  std::erase_if(graph.outputs, [&](const GraphPort& port) { return port.name != output; });
  graph.outputs[0].value = logits_of(graph, graph.outputs[0].value, has_softmax);
  TRY_ASSIGN(auto session, compile_cpu(std::move(graph), compile_options(options.model), nullptr));
  return LoadedModel{source.location, source.model->metadata_json(), std::move(session)};
}

Result<LabelledLogits> collect(Classifier& classifier, const PhotoSet& set) {
  LabelledLogits data{.classes = classifier.classes(), .logits = {}, .truth = {}};
  const size_t background = background_classes(classifier.classes());
  Progress progress("images", set.photos.size());
  for (const Photo& photo : set.photos) {
    const size_t truth = static_cast<size_t>(photo.truth) + background;
    if (truth >= data.classes)
      return fail(ErrorCode::WrongSize, "%s: %s is of class %zu, but the model has %zu classes",
                  set.labels.c_str(), photo.file.c_str(), truth, data.classes);
    TRY_ASSIGN(const Image image, read_image(photo.file));
    auto result = classifier.classify(image);
    if (!result) return std::unexpected(result.error().within(photo.file));
    for (const double score : result->scores) data.logits.push_back(static_cast<float>(score));
    data.truth.push_back(static_cast<uint32_t>(truth));
    progress.step();
  }
  return data;
}

// Whether the scores are probabilities already, on all samples.
bool are_probabilities(const LabelledLogits& data) {
  for (size_t i = 0; i < data.samples(); ++i) {
    const std::vector<double> scores(data.row(i).begin(), data.row(i).end());
    if (to_probabilities(scores) != scores) return false;
  }
  return true;
}

// Puts the calibration in front of the softmax of `output`, or after the output where it has none.
Result<void> insert(ModelJson& json, const std::string& output, bool has_softmax,
                    const LogitsCalibration& calibration) {
  std::string at = json.node_of_output(output);
  JsonTree* node = json.find_node(at);
  while (has_softmax && node != nullptr && ModelJson::op_of(*node) != "Softmax") {
    at = ModelJson::input_of(*node, 0);
    node = json.find_node(at.substr(0, at.find(':')));
  }
  if (node == nullptr)
    return fail(ErrorCode::MissingNode, "no node of model.json computes the output '%s'", output.c_str());
  const std::string logits = has_softmax ? ModelJson::input_of(*node, 0) : at;
  const bool shifts = std::ranges::any_of(calibration.bias, [](double bias) { return bias != 0; });
  const std::string scale = json.free_name("linnet/calibration/scale"),
                    scaled = json.free_name("linnet/calibration/scaled"),
                    bias = json.free_name("linnet/calibration/bias"),
                    calibrated = json.free_name("linnet/calibration/logits");
  const std::string& last = shifts ? calibrated : scaled;
  if (has_softmax)
    ModelJson::set_input(*node, 0, last);
  else
    json.set_output(output, last);
  const auto floats = [](const std::vector<double>& values) {
    return std::vector<float>(values.begin(), values.end());
  };
  json.add_constant(scale, floats(calibration.scale));
  json.add_node(scaled, "Mul", {logits, scale});
  if (!shifts) return {};
  json.add_constant(bias, floats(calibration.bias));
  json.add_node(calibrated, "AddV2", {scaled, bias});
  return {};
}

// Runs the written model on the photos again.
Result<void> check(const Options& options, const PhotoSet& set, const LabelledLogits& before,
                   Findings& found) {
  ModelFlags flags = options.model;
  flags.model = found.model;
  TRY_ASSIGN(Classifier classifier,
             Classifier::load(flags, options.classify.preprocessing(), options.classify.output));
  TRY_ASSIGN(LabelledLogits after, collect(classifier, set));
  // Probabilities are judged by their logarithms, which are logits of the same softmax.
  if (are_probabilities(after))
    for (float& score : after.logits) score = std::log(std::max(score, 1e-30f));
  found.written = measure_calibration(after, {});
  const auto best = [](std::span<const float> row) { return std::ranges::max_element(row) - row.begin(); };
  for (size_t i = 0; i < before.samples(); ++i) found.changed += best(before.row(i)) != best(after.row(i));
  return {};
}

void print_json(const Findings& found, const Options& options) {
  const auto quality = [](JsonOut& out, const char* key, const CalibrationQuality& quality) {
    out.key(key).begin_object().member("nll", quality.nll).member("ece", quality.ece);
    out.member("top1", rounded(100 * quality.top1, 2)).end_object();
  };
  JsonOut out;
  out.begin_object().member("model", found.model).member("photos", uint64_t{found.photos});
  out.member("method", options.affine ? "affine" : "temperature");
  const LogitsCalibration& calibration = found.fitted.calibration;
  if (calibration.scale.size() == 1) out.member("temperature", 1 / calibration.scale[0]);
  if (options.affine) out.member("penalty", found.fitted.strength);
  quality(out, "before", found.fitted.before);
  quality(out, "held_out", found.fitted.held_out);
  quality(out, "written", found.written);
  out.member("changed_answers", uint64_t{found.changed}).end_object().print();
}

void print_text(const Findings& found, const Options& options) {
  const FittedCalibration& fitted = found.fitted;
  if (fitted.calibration.scale.size() == 1)
    std::printf("temperature  %.4f, fitted on %zu photos\n", 1 / fitted.calibration.scale[0], found.photos);
  else
    std::printf("affine       scale and bias of each class, penalty %g, fitted on %zu photos\n",
                fitted.strength, found.photos);
  if (options.affine && fitted.strength == 0)
    std::printf(
        "             no scale or bias of a class foretells other photos better than the temperature\n");
  std::printf("changed      %zu of %zu answers\nwrote        %s\n\n", found.changed, found.photos,
              found.model.c_str());
  Table table({"", "NLL", "calibration error", "top-1"});
  const auto row = [&](const char* what, const CalibrationQuality& quality) {
    table.add({what, formatted("%.4f", quality.nll), formatted("%.2f %%", 100 * quality.ece),
               formatted("%.1f %%", 100 * quality.top1)});
  };
  row("before", fitted.before);
  row(formatted("on unseen photos, %zu folds", options.folds).c_str(), fitted.held_out);
  row("as written, on the same photos", found.written);
  table.print();
}

Result<int> calibrate(const Options& options) {
  TRY_ASSIGN(const PhotoSet set, list_photos(options.photos, options.labels, options.limit));
  if (!set.labelled())
    return fail(ErrorCode::InvalidArgument,
                "%s has no labels.json: calibrating needs each photo's class; give --labels FILE",
                options.photos.c_str());
  if (set.photos.size() < 2 * options.folds)
    return fail(ErrorCode::InvalidArgument, "%zu photos are too few for %zu folds; give at least %zu",
                set.photos.size(), options.folds, 2 * options.folds);
  TRY_ASSIGN(const Classifier whole,
             Classifier::load(options.model, options.classify.preprocessing(), options.classify.output));
  const std::string location = whole.location(), output = whole.output_name();
  if (const std::string& warning = whole.preprocessing().warning; !warning.empty())
    std::fprintf(stderr, "linnet: %s\n", warning.c_str());
  TRY(expect_elsewhere(location, options.output));
  TRY_ASSIGN(ModelJson json, ModelJson::read(location));

  bool has_softmax = false;
  TRY_ASSIGN(LoadedModel loaded, load_logits(options, output, &has_softmax));
  TRY_ASSIGN(Classifier classifier,
             Classifier::create(std::move(loaded), options.classify.preprocessing(), output));
  TRY_ASSIGN(const LabelledLogits data, collect(classifier, set));
  if (!has_softmax && are_probabilities(data))
    return fail(ErrorCode::InvalidArgument,
                "%s: the output '%s' holds probabilities, but not those of a softmax: there are no logits to "
                "calibrate",
                location.c_str(), output.c_str());

  Findings found{.model = {}, .photos = set.photos.size(), .fitted = {}, .written = {}};
  {
    const CalibrationMethod method =
        options.affine ? CalibrationMethod::Affine : CalibrationMethod::Temperature;
    Progress progress("fits", calibration_steps(method, options.folds));
    found.fitted = calibrate_logits(data, method, options.folds, [&] { progress.step(); });
  }
  if (found.fitted.before.top1 == 1)
    std::fprintf(stderr,
                 "linnet: the model is right on all photos: they cannot tell how sure it should be\n");
  if (found.fitted.held_out.nll >= found.fitted.before.nll)
    std::fprintf(
        stderr,
        "linnet: on photos that it was not fitted on, the calibration does not better the NLL: the model may "
        "not need it, or the photos are too few\n");
  TRY(insert(json, output, has_softmax, found.fitted.calibration));
  if (json.remove_linnet_metadata("golden"))
    std::fprintf(stderr,
                 "linnet: left out the golden answers, which are others now; run 'linnet golden' again\n");
  TRY_ASSIGN(const ModelSource source, open_model(options.model.model));
  TRY(copy_weights(location, *source.model, options.output));
  TRY_ASSIGN(found.model, json.write(options.output, "model.json"));
  TRY(check(options, set, data, found));
  options.json ? print_json(found, options) : print_text(found, options);
  return kExitOk;
}

}  // namespace

Command add_calibrate_logits(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand(
      "calibrate-logits", "Has a classifier's probabilities be as sure as it is right, by labelled photos");
  add_model_flags(*app, options->model, true);
  add_output_flag(*app, options->output);
  app->add_option("--calibrate", options->photos, "Directory of labelled photos")
      ->type_name("DIR")
      ->required()
      ->check(CLI::ExistingDirectory);
  app->add_option(
         "--labels", options->labels,
         "JSON with the class of each file, as for 'evaluate'; by itself labels.json of the directory")
      ->type_name("FILE");
  app->add_option("--limit", options->limit, "Only the first N photos by name")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app->add_flag(
      "--affine", options->affine,
      "A scale and a bias for each class where that foretells unseen photos better, in place of one "
      "temperature; may change answers");
  app->add_option("--folds", options->folds, "Parts of the photos for cross-validation")
      ->type_name("K")
      ->check(CLI::Range(2, 100))
      ->capture_default_str();
  add_image_flags(*app, options->classify);
  app->add_option("--scores", options->classify.output, "Output with the classes, for models of several")
      ->type_name("NAME");
  add_json_flag(*app, options->json);
  app->footer(
      "The model gets a multiplication before its softmax, or after its logits; weights stay as they are.\n"
      "Example:\n"
      "  linnet calibrate-logits mobilenet-int8 -o mobilenet-sure --calibrate photos");
  return {app, [options] { return calibrate(*options); }};
}

}  // namespace linnet

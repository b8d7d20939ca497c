#include "cli/candidates.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "cli/calibration.h"
#include "cli/io.h"
#include "cli/model_writer.h"
#include "cli/scores.h"
#include "cli/timing.h"
#include "compress/post_training.h"
#include "compress/prune.h"
#include "passes/pipeline.h"

namespace linnet {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxJsonBytes = uint64_t{64} << 20;
// Turns of timing, and how long a model runs in each: at least some runs, so that the median is steady.
constexpr int kTurns = 10;
constexpr size_t kLeastRuns = 3, kMostRuns = 40;
constexpr double kTurnMs = 25;

Result<Measured> measure(const Workshop& workshop, LoadedModel loaded, std::span<const Image> photos) {
  Measured measured;
  TRY_ASSIGN(Classifier classifier,
             Classifier::create(std::move(loaded), workshop.preprocessing, workshop.output));
  measured.classifier = std::make_unique<Classifier>(std::move(classifier));
  measured.answers = Answers(measured.classifier->classes());
  for (const Image& photo : photos) {
    auto result = measured.classifier->classify(photo);
    if (!result) return std::unexpected(result.error().within(measured.classifier->location()));
    measured.answers.add(*result);
  }
  return measured;
}

std::vector<std::string> files_of(std::span<const Photo> photos) {
  std::vector<std::string> files;
  for (const Photo& photo : photos) files.push_back(photo.file);
  return files;
}

// The classes of the calibration photos, as the model counts.
std::vector<size_t> labels_of(const Workshop& workshop, const Graph& graph) {
  std::vector<size_t> labels;
  const Shape& shape = graph.value(graph.outputs[0].value).shape;
  if (!workshop.labelled || graph.outputs.size() != 1 || shape.rank() == 0) return labels;
  const auto classes = static_cast<size_t>(shape.back());
  for (const Photo& photo : workshop.calibration)
    labels.push_back(static_cast<size_t>(photo.truth) + background_classes(classes));
  return labels;
}

}  // namespace

const char* precision_name(Precision precision) {
  switch (precision) {
    case Precision::F32:
      return "f32";
    case Precision::Fp16:
      return "fp16";
    case Precision::DynamicInt8:
      return "dynamic-int8";
    case Precision::Int8:
      return "int8";
    case Precision::Mixed:
      return "int8+fp16";
  }
  return "";
}

Result<Precision> parse_precision(const std::string& name) {
  for (const Precision precision : {Precision::F32, Precision::Fp16, Precision::DynamicInt8, Precision::Int8})
    if (name == precision_name(precision)) return precision;
  return fail(ErrorCode::InvalidArgument, "no precision is called '%s'; known: f32, fp16, dynamic-int8, int8",
              name.c_str());
}

Result<ScratchDirectory> ScratchDirectory::create() {
  std::error_code error;
  std::string path = (fs::temp_directory_path(error) / "linnet-XXXXXX").string();
  if (error || mkdtemp(path.data()) == nullptr)
    return fail(ErrorCode::Io, "%s: cannot make a directory for the models to try", path.c_str());
  return ScratchDirectory(path);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code error;
  if (!path_.empty()) fs::remove_all(path_, error);
}

Result<Original> load_original(const Workshop& workshop) {
  TfjsOptions reading;
  for (const std::string& shape : workshop.model.shapes) TRY(parse_shape_flag(shape, reading));
  TRY_ASSIGN(ModelSource source, open_model(workshop.model.model));
  Original original{source.location, source.model->metadata_json(), {}};
  const auto work = [&]() -> Result<void> {
    TRY_ASSIGN(original.graph, source.model->to_graph(reading));
    original.graph.ranges.clear();
    TRY(simplify(original.graph));
    return {};
  };
  if (auto done = work(); !done) return std::unexpected(done.error().within(source.location));
  return original;
}

Result<Samples> read_calibration(const Workshop& workshop, const Original& original) {
  return read_samples(original.graph, files_of(workshop.calibration), original.metadata,
                      workshop.preprocessing);
}

Result<Graph> reduce(const Workshop& workshop, const Original& original, const Samples& samples, double macs,
                     const StageProgress& progress) {
  if (macs >= 1) return original.graph;
  const PruneOptions options{
      .macs = macs, .threads = thread_count(workshop.model), .images = true, .progress = progress};
  TRY_ASSIGN(PruneResult pruned, prune(original.graph, samples, options));
  return std::move(pruned.graph);
}

Result<std::vector<Base>> make_bases(const Workshop& workshop, const Original& original,
                                     const Samples& samples, const Graph& graph, double macs,
                                     Precision precision, const std::string& directory,
                                     const StageProgress& progress) {
  std::vector<Base> bases;
  const auto write = [&](const Graph& made, Precision as,
                         const TfjsExportOptions& exporting) -> Result<void> {
    TRY_ASSIGN(const WrittenModel written,
               write_model(made, exporting, original.location, directory + "-" + precision_name(as)));
    bases.push_back({macs, as, written.model_json});
    return {};
  };
  const auto write_quantised = [&](Graph made, Precision as, double most_drop) -> Result<double> {
    const QuantizeOptions options{.threads = thread_count(workshop.model),
                                  .names = files_of(workshop.calibration),
                                  .labels = labels_of(workshop, graph),
                                  .most_drop = most_drop,
                                  .progress = progress};
    const auto quantise = as == Precision::DynamicInt8 ? quantize_dynamically : quantize_model;
    TRY_ASSIGN(const QuantizeReport report, quantise(made, samples, options));
    TRY(write(made, as,
              {.storage = codes_where_calibrated, .metadata = with_ranges(original.metadata, made.ranges)}));
    return report.deviation.drop;
  };
  const auto work = [&]() -> Result<void> {
    if (precision == Precision::F32) return write(graph, precision, {.metadata = original.metadata});
    if (precision == Precision::Fp16)
      return write(graph, precision,
                   {.storage = [](const Graph&, ValueId) { return WeightStorage::Half; },
                    .metadata = original.metadata});
    TRY_ASSIGN(const double drop, write_quantised(graph, precision, QuantizeOptions().most_drop));
    if (precision == Precision::Int8 && drop > workshop.most_drop.value_or(INFINITY))
      TRY(write_quantised(graph, Precision::Mixed, *workshop.most_drop));
    return {};
  };
  if (auto done = work(); !done) return std::unexpected(done.error().within(original.location));
  return bases;
}

Result<void> time_together(std::span<Measured* const> models) {
  std::vector<std::vector<Buffer>> inputs;
  for (Measured* model : models) {
    TRY_ASSIGN(std::vector<Buffer> own, random_inputs(model->classifier->session(), 1));
    settle_threads(model->classifier->session(), own);
    inputs.push_back(std::move(own));
  }
  std::vector<std::vector<double>> times(models.size());
  Progress progress("turns of timing", kTurns);
  for (int turn = 0; turn < kTurns; ++turn) {
    for (size_t i = 0; i < models.size(); ++i) {
      const size_t at = turn % 2 == 0 ? i : models.size() - 1 - i;
      Session& session = models[at]->classifier->session();
      // What the others left in the caches is no business of this one's.
      timed_run(session, inputs[at]);
      double total = 0;
      for (size_t runs = 0; runs < kLeastRuns || (total < kTurnMs && runs < kMostRuns); ++runs) {
        times[at].push_back(timed_run(session, inputs[at]));
        total += times[at].back();
      }
    }
    progress.step();
  }
  for (size_t i = 0; i < models.size(); ++i) {
    models[i]->ms = percentile(times[i], 0.5);
    models[i]->classifier.reset();
  }
  return {};
}

Result<Measured> measure_original(const Workshop& workshop, std::span<const Image> photos) {
  TRY_ASSIGN(const ModelSource source, open_model(workshop.model.model));
  TRY_ASSIGN(const Buffer json, read_location(source.location, kMaxJsonBytes));
  TRY_ASSIGN(LoadedModel loaded, load_model(workshop.model));
  TRY_ASSIGN(Measured measured, measure(workshop, std::move(loaded), photos));
  measured.bytes = source.model->weights_bytes() + json.size();
  return measured;
}

Result<Measured> measure_at(const Workshop& workshop, const Base& base, const ImageSize& size,
                            std::span<const Image> photos, std::optional<ModelJson>* json) {
  TRY_ASSIGN(const ModelSource source, open_model(base.location));
  TRY_ASSIGN(Graph graph, source.model->to_graph({}));
  TRY_ASSIGN(*json, ModelJson::read(base.location));
  TRY_ASSIGN(const ImageSize own, image_size_of(graph));
  if (size != own) {
    Graph resized;
    TRY_ASSIGN(*json, resize_model(**json, base.location, graph, size, &resized));
    graph = std::move(resized);
  }
  TRY_ASSIGN(auto session, compile_cpu(std::move(graph), compile_options(workshop.model), nullptr));
  TRY_ASSIGN(Measured measured,
             measure(workshop, {base.location, source.model->metadata_json(), std::move(session)}, photos));
  measured.bytes = source.model->weights_bytes() + (*json)->text().size();
  return measured;
}

}  // namespace linnet

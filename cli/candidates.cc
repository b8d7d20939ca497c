#include "cli/candidates.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <thread>

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
// Timed runs: at least so many, and more of a fast model, so that the median is steady.
constexpr size_t kLeastRuns = 15, kMostRuns = 300;
constexpr double kTimedMs = 300;

// Threads for work that does not look for the fastest number by itself.
int threads_of(const Workshop& workshop) {
  const int machine = static_cast<int>(std::thread::hardware_concurrency());
  return workshop.model.threads > 0 ? workshop.model.threads
                                    : std::clamp(machine, 1, ThreadPool::kMaxThreads);
}

double median_ms(Session& session, const std::vector<Buffer>& inputs) {
  settle_threads(session, inputs);
  std::vector<double> times;
  for (double total = 0; times.size() < kLeastRuns || (total < kTimedMs && times.size() < kMostRuns);) {
    times.push_back(timed_run(session, inputs));
    total += times.back();
  }
  return percentile(times, 0.5);
}

Result<Measured> measure(const Workshop& workshop, LoadedModel loaded, std::span<const Image> photos) {
  Measured measured;
  TRY_ASSIGN(const std::vector<Buffer> inputs, random_inputs(*loaded.session, 1));
  timed_run(*loaded.session, inputs);
  measured.ms = median_ms(*loaded.session, inputs);
  TRY_ASSIGN(Classifier classifier,
             Classifier::create(std::move(loaded), workshop.preprocessing, workshop.output));
  measured.answers = Answers(classifier.classes());
  for (const Image& photo : photos) {
    auto result = classifier.classify(photo);
    if (!result) return std::unexpected(result.error().within(classifier.location()));
    measured.answers.add(*result);
  }
  return measured;
}

}  // namespace

const char* precision_name(Precision precision) {
  return precision == Precision::F32 ? "f32" : precision == Precision::Fp16 ? "fp16" : "int8";
}

Result<Precision> parse_precision(const std::string& name) {
  for (const Precision precision : {Precision::F32, Precision::Fp16, Precision::Int8})
    if (name == precision_name(precision)) return precision;
  return fail(ErrorCode::InvalidArgument, "no precision is called '%s'; known: f32, fp16, int8",
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
  return read_samples(original.graph, workshop.calibration, original.metadata, workshop.preprocessing);
}

Result<Graph> reduce(const Workshop& workshop, const Original& original, const Samples& samples, double macs,
                     const StageProgress& progress) {
  if (macs >= 1) return original.graph;
  const PruneOptions options{.macs = macs, .threads = threads_of(workshop), .progress = progress};
  TRY_ASSIGN(PruneResult pruned, prune(original.graph, samples, options));
  return std::move(pruned.graph);
}

Result<Base> make_base(const Workshop& workshop, const Original& original, const Samples& samples,
                       Graph graph, double macs, Precision precision, const std::string& directory,
                       const StageProgress& progress) {
  const auto work = [&]() -> Result<Base> {
    TfjsExportOptions exporting{.metadata = original.metadata};
    if (precision == Precision::Fp16)
      exporting.storage = [](const Graph&, ValueId) { return WeightStorage::Half; };
    if (precision == Precision::Int8) {
      const QuantizeOptions options{
          .threads = threads_of(workshop), .names = workshop.calibration, .progress = progress};
      TRY(quantize_model(graph, samples, options));
      exporting.metadata = with_ranges(original.metadata, graph.ranges);
      exporting.storage = codes_where_calibrated;
    }
    TRY_ASSIGN(const WrittenModel written, write_model(graph, exporting, original.location, directory));
    return Base{macs, precision, written.model_json};
  };
  auto base = work();
  if (!base) return std::unexpected(base.error().within(original.location));
  return base;
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

// linnet quantize: measures a model's ranges on samples, so that it runs in int8.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "cli/classify_flags.h"
#include "cli/commands.h"
#include "cli/image_input.h"
#include "cli/io.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/tensor_files.h"
#include "compress/calibrator.h"
#include "formats/tfjs/json.h"

namespace linnet {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxJsonBytes = uint64_t{64} << 20;
constexpr uint64_t kMaxTensorFileBytes = uint64_t{1} << 31;

struct Options {
  ModelFlags model;
  ClassifyFlags images;
  std::string samples, output;
  size_t limit = 0;  // 0: all
  bool int8 = false;
  bool json = false;
};

struct Outcome {
  std::string file;
  size_t samples = 0;
  size_t values = 0;
  double seconds = 0;
};

bool is_tensor(const fs::path& path) {
  return path.extension() == ".npy";
}
bool is_image(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png" || extension == ".webp";
}

// The samples of a directory, by name.
Result<std::vector<std::string>> list_samples(const Options& options) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(options.samples, error))
    if (entry.is_regular_file() && (is_tensor(entry.path()) || is_image(entry.path())))
      files.push_back(entry.path().string());
  if (error)
    return fail(ErrorCode::Io, "%s: cannot list: %s", options.samples.c_str(), error.message().c_str());
  if (files.empty())
    return fail(ErrorCode::Io, "%s: no JPEG, PNG, WebP or .npy files to calibrate with",
                options.samples.c_str());
  std::ranges::sort(files);
  if (options.limit > 0 && files.size() > options.limit) files.resize(options.limit);
  return files;
}

class Feeder {
 public:
  Feeder(Session& session, std::string metadata, const PreprocessFlags& flags)
      : session_(session), metadata_(std::move(metadata)), flags_(flags) {}

  // Fills the model's only input from a file.
  Result<void> fill(const std::string& file) {
    if (!is_tensor(file)) {
      if (!images_) TRY(prepare_images());
      TRY_ASSIGN(const Image image, read_image(file));
      return images_->fill(session_, image);
    }
    if (session_.inputs().size() != 1)
      return fail(ErrorCode::ShapeMismatch, "the model has %zu inputs, one can be calibrated",
                  session_.inputs().size());
    TRY_ASSIGN(const Buffer content, read_file(file, kMaxTensorFileBytes));
    auto filled = fill_from_bytes(content.bytes(), session_.input(0));
    if (!filled) return std::unexpected(filled.error().within(file));
    return {};
  }

 private:
  Result<void> prepare_images() {
    TRY_ASSIGN(images_, ImageInput::create(session_, metadata_, flags_));
    const std::string& warning = images_->preprocessing().warning;
    if (!warning.empty()) std::fprintf(stderr, "linnet: %s\n", warning.c_str());
    return {};
  }

  Session& session_;
  std::string metadata_;
  PreprocessFlags flags_;
  std::optional<ImageInput> images_;
};

Result<Ranges> calibrate(const Options& options, Graph graph, const std::string& metadata, Outcome* outcome) {
  TRY_ASSIGN(const std::vector<std::string> files, list_samples(options));
  TRY_ASSIGN(const std::unique_ptr<Calibrator> calibrator,
             Calibrator::create(std::move(graph), options.model.threads));
  Feeder feeder(calibrator->session(), metadata, options.images.preprocessing());
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

// {"name": [low, high], ...}, by name, so that equal models give equal files.
std::string ranges_text(const Ranges& ranges) {
  std::vector<std::string> names;
  for (const auto& [name, range] : ranges) names.push_back(name);
  std::ranges::sort(names);
  JsonOut out;
  out.begin_object();
  for (const std::string& name : names) {
    const ValueRange& range = ranges.at(name);
    out.key(name).begin_array().value(static_cast<double>(range.low)).value(static_cast<double>(range.high));
    out.end_array();
  }
  out.end_object();
  return std::string(out.text());
}

// `object`, the text of a JSON object, with `value` as its member `key`; the rest stays as it is, to the
// byte.
std::string with_member(std::string_view object, std::string_view key, std::string_view value) {
  std::string text(object.starts_with('{') ? object : "{}");
  if (const std::string_view old = json_member_text(text, key); !old.empty())
    return text.replace(static_cast<size_t>(old.data() - text.data()), old.size(), value);
  const size_t first = text.find_first_not_of(" \t\r\n", 1);
  return text.insert(1,
                     "\"" + std::string(key) + "\":" + std::string(value) + (text[first] == '}' ? "" : ","));
}

// The text of model.json with `ranges` in its metadata.
std::string with_ranges(std::string_view json, const Ranges& ranges) {
  json.remove_prefix(std::min(json.find('{'), json.size()));
  const std::string_view metadata = json_member_text(json, "userDefinedMetadata");
  const std::string_view linnet = metadata.empty() ? "" : json_member_text(metadata, "linnet");
  return with_member(json, "userDefinedMetadata",
                     with_member(metadata, "linnet", with_member(linnet, "ranges", ranges_text(ranges))));
}

// Copies the model to `directory` with its ranges. model.json comes last: without it there is no model.
Result<std::string> write_model(const std::string& location, const TfjsModel& model, const Ranges& ranges,
                                const std::string& directory) {
  TRY_ASSIGN(const Buffer json, read_location(location, kMaxJsonBytes));
  const std::string text = with_ranges(as_text(json), ranges);
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return fail(ErrorCode::Io, "%s: cannot be made: %s", directory.c_str(), error.message().c_str());
  const fs::path target = fs::path(directory) / "model.json";
  if (!is_url(location) && fs::equivalent(fs::path(location).parent_path() / ".", directory, error))
    return fail(ErrorCode::InvalidArgument,
                "--output %s: the model itself lies there; give another directory", directory.c_str());
  for (size_t i = 0; i < model.shard_count(); ++i) {
    const std::string shard(model.shard_path(i));
    TRY_ASSIGN(const std::string from, locate_shard(location, shard));
    TRY_ASSIGN(const Buffer bytes, read_location(from, model.weights_bytes()));
    const fs::path to = fs::path(directory) / shard;
    fs::create_directories(to.parent_path(), error);
    TRY(write_file(to.string(), bytes.bytes()));
  }
  TRY(write_file(target.string(), std::as_bytes(std::span(text))));
  return target.string();
}

void print(const Options& options, const Outcome& outcome) {
  if (!options.json) {
    std::printf("calibrated  %zu values on %zu samples in %.1f s\nwrote       %s\n", outcome.values,
                outcome.samples, outcome.seconds, outcome.file.c_str());
    return;
  }
  JsonOut out;
  out.begin_object().member("model", outcome.file).member("precision", "int8");
  out.member("samples", uint64_t{outcome.samples}).member("values", uint64_t{outcome.values});
  out.member("seconds", rounded(outcome.seconds, 3)).end_object().print();
}

Result<int> quantize(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  TfjsOptions reading;
  for (const std::string& shape : options.model.shapes) TRY(parse_shape_flag(shape, reading));
  TRY_ASSIGN(ModelSource source, open_model(options.model.model));
  const auto work = [&]() -> Result<Outcome> {
    Outcome outcome;
    TRY_ASSIGN(Graph graph, source.model->to_graph(reading));
    TRY_ASSIGN(const Ranges ranges,
               calibrate(options, std::move(graph), source.model->metadata_json(), &outcome));
    TRY_ASSIGN(outcome.file, write_model(source.location, *source.model, ranges, options.output));
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
      parent.add_subcommand("quantize", "Makes a model that runs in int8, by samples of its input");
  add_model_flags(*app, options->model, true);
  app->add_option("-o,--output", options->output, "Directory for the new model")
      ->type_name("DIR")
      ->required();
  app->add_flag("--int8", options->int8, "Weights of 8 bits, one scale a channel; activations of 7 bits")
      ->required();
  app->add_option("--calibrate", options->samples, "Directory of images or .npy files like those to come")
      ->type_name("DIR")
      ->required()
      ->check(CLI::ExistingDirectory);
  app->add_option("--limit", options->limit, "Only the first N samples by name")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  add_image_flags(*app, options->images);
  add_json_flag(*app, options->json);
  app->footer(
      "The weight files stay as they are; weights become int8 when the model is loaded.\n"
      "Example:\n"
      "  linnet quantize models/mobilenet -o mobilenet-int8 --int8 --calibrate photos --limit 100");
  return {app, [options] { return quantize(*options); }};
}

}  // namespace linnet

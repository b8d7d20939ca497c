// linnet fit: the model within a budget of bytes, time and accuracy that answers best.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <tuple>

#include "cli/calibration.h"
#include "cli/candidates.h"
#include "cli/classify_flags.h"
#include "cli/commands.h"
#include "cli/fit_report.h"
#include "cli/io.h"
#include "cli/model_copy.h"
#include "cli/pareto.h"
#include "cli/progress.h"

namespace linnet {
namespace {

struct Options {
  ModelFlags model;
  ClassifyFlags classify;
  std::string photos, labels, output, sizes, plot;
  std::vector<std::string> precisions{"f32", "fp16", "int8"};
  std::vector<double> macs{1, 0.75};
  size_t limit = 0;  // 0: all
  size_t calibration = 100;
  Budget budget;
  bool json = false;
};

// Even parts of a set: `count` photos to calibrate with, and the others to measure with.
void divide(const PhotoSet& set, size_t count, std::vector<Photo>& calibration, PhotoSet& measuring) {
  measuring.labels = set.labels;
  const size_t total = set.photos.size();
  for (size_t i = 0; i < total; ++i) {
    if ((i + 1) * count / total > i * count / total)
      calibration.push_back(set.photos[i]);
    else
      measuring.photos.push_back(set.photos[i]);
  }
}

// The image size that the model has, and three smaller ones that most networks of strides up to 32 take.
std::vector<ImageSize> default_sizes(const ImageSize& own) {
  std::vector<ImageSize> sizes{own};
  if (own.height != own.width) return sizes;
  for (int side = (own.height - 1) / 32 * 32; side >= 64 && sizes.size() < 4; side -= 32)
    sizes.push_back({side, side});
  return sizes;
}

void judge(const Options& options, Findings& found, Candidate& candidate) {
  const Answers &original = found.original.answers, &answers = candidate.measured.answers;
  const size_t total = found.measuring.photos.size();
  candidate.agreements = count_agreements(original, answers);
  candidate.drop = 100 - percent(candidate.agreements, total);
  if (found.measuring.labelled()) {
    candidate.paired = compare_top1(original, answers, found.measuring.photos);
    candidate.drop = 0.0 - 100 * candidate.paired.difference();  // no negative zero
  }
  candidate.fits = candidate.measured.bytes <= options.budget.max_bytes.value_or(UINT64_MAX) &&
                   candidate.measured.ms <= options.budget.max_ms.value_or(INFINITY) &&
                   candidate.drop <= options.budget.max_drop.value_or(INFINITY);
}

// Writes the model in every precision, whole and pruned.
Result<std::vector<Base>> make_all(const Options& options, const Workshop& workshop,
                                   const ScratchDirectory& scratch) {
  TRY_ASSIGN(const Original original, load_original(workshop));
  TRY_ASSIGN(const Samples samples, read_calibration(workshop, original));
  std::vector<Base> bases;
  for (const double macs : options.macs) {
    Stages stages;
    const StageProgress progress = [&](const char* stage, size_t done, size_t total) {
      stages.show(stage, done, total);
    };
    auto graph = reduce(workshop, original, samples, macs, progress);
    if (!graph && macs < 1) {
      std::fprintf(stderr, "linnet: left out: %g of the MACs: %s\n", macs, graph.error().detail());
      continue;
    }
    if (!graph) return std::unexpected(graph.error());
    for (const std::string& name : options.precisions) {
      TRY_ASSIGN(const Precision precision, parse_precision(name));
      const std::filesystem::path directory =
          std::filesystem::path(scratch.path()) / (name + "-" + std::to_string(bases.size()));
      auto made =
          make_bases(workshop, original, samples, *graph, macs, precision, directory.string(), progress);
      if (!made && precision == Precision::DynamicInt8) {
        std::fprintf(stderr, "linnet: left out: %s: %s\n", name.c_str(), made.error().detail());
        continue;
      }
      if (!made) return std::unexpected(made.error());
      bases.insert(bases.end(), made->begin(), made->end());
    }
  }
  if (bases.empty())
    return fail(ErrorCode::InvalidArgument,
                "--macs: nothing is left to try; 1 stands for the model as it is");
  return bases;
}

// Tries every model at every size.
Result<void> try_all(const Options& options, const Workshop& workshop, std::span<const Image> images,
                     const ScratchDirectory& scratch, Findings& found) {
  TRY_ASSIGN(const std::vector<Base> bases, make_all(options, workshop, scratch));
  TRY_ASSIGN(const ModelSource source, open_model(bases.front().location));
  TRY_ASSIGN(const Graph graph, source.model->to_graph({}));
  TRY_ASSIGN(const ImageSize own, image_size_of(graph));
  std::vector<ImageSize> sizes = default_sizes(own);
  if (!options.sizes.empty()) {
    TRY_ASSIGN(sizes, parse_image_sizes(options.sizes));
  }
  std::set<std::string> refused;
  Progress progress("candidates", bases.size() * sizes.size());
  for (const Base& base : bases) {
    for (const ImageSize& size : sizes) {
      std::optional<ModelJson> json;
      auto measured = measure_at(workshop, base, size, images, &json);
      progress.step();
      if (!measured && measured.error().code() == ErrorCode::ShapeMismatch && size != own) {
        if (refused.insert(size.text()).second)
          std::fprintf(stderr, "linnet: left out: %s\n", measured.error().detail());
        continue;
      }
      if (!measured) return std::unexpected(measured.error());
      found.candidates.push_back({base, size, std::move(*json), std::move(*measured), {}});
    }
  }
  if (found.candidates.empty())
    return fail(ErrorCode::InvalidArgument, "--sizes: the model takes none of these");
  std::vector<Measured*> models{&found.original};
  for (Candidate& candidate : found.candidates) models.push_back(&candidate.measured);
  TRY(time_together(models));
  for (Candidate& candidate : found.candidates) judge(options, found, candidate);
  return {};
}

void choose(Findings& found) {
  std::ranges::sort(found.candidates, {}, [](const Candidate& candidate) {
    return std::tuple(candidate.measured.ms, candidate.measured.bytes, candidate.text());
  });
  std::vector<Costs> costs;
  for (const Candidate& candidate : found.candidates)
    costs.push_back({static_cast<double>(candidate.measured.bytes), candidate.measured.ms, candidate.drop});
  const std::vector<bool> front = pareto_front(costs);
  for (size_t i = 0; i < costs.size(); ++i) {
    Candidate& candidate = found.candidates[i];
    candidate.pareto = front[i];
    if (!candidate.fits) continue;
    const auto rank = [&](size_t k) { return Costs{costs[k][2], costs[k][1], costs[k][0]}; };
    if (!found.chosen || rank(i) < rank(*found.chosen)) found.chosen = i;
  }
}

Result<void> write(const Options& options, Findings& found) {
  if (found.chosen) {
    Candidate& candidate = found.candidates[*found.chosen];
    TRY_ASSIGN(const ModelSource source, open_model(candidate.base.location));
    TRY(copy_weights(source.location, *source.model, options.output));
    TRY_ASSIGN(found.model, candidate.json.write(options.output, "model.json"));
  }
  found.plot = options.plot;
  if (found.plot.empty() && found.chosen)
    found.plot = (std::filesystem::path(options.output) / "fit.svg").string();
  if (found.plot.empty()) return {};
  const std::string svg = plot_of(found, options.budget, options.model.model);
  return write_file(found.plot, std::as_bytes(std::span(svg)));
}

Result<int> fit(const Options& options) {
  if (options.budget.text().empty())
    return fail(ErrorCode::InvalidArgument, "give a budget: --max-bytes, --max-ms or --max-drop");
  TRY_ASSIGN(const PhotoSet set, list_photos(options.photos, options.labels, options.limit));
  const size_t calibration = std::min(options.calibration, set.photos.size() / 2);
  if (calibration == 0)
    return fail(ErrorCode::InvalidArgument, "%s: one photo is too few: some calibrate, others measure",
                options.photos.c_str());
  TRY_ASSIGN(const std::string location, locate_model(options.model.model));
  TRY(expect_elsewhere(location, options.output));
  Workshop workshop{options.model,  options.classify.preprocessing(), options.classify.output, {},
                    set.labelled(), options.budget.max_drop};
  Findings found;
  divide(set, calibration, workshop.calibration, found.measuring);
  std::vector<Image> images;
  {
    Progress progress("photos", found.measuring.photos.size());
    for (const Photo& photo : found.measuring.photos) {
      TRY_ASSIGN(Image image, read_image(photo.file));
      images.push_back(std::move(image));
      progress.step();
    }
  }
  TRY_ASSIGN(found.original, measure_original(workshop, images));
  TRY_ASSIGN(const ScratchDirectory scratch, ScratchDirectory::create());
  TRY(try_all(options, workshop, images, scratch, found));
  choose(found);
  TRY(write(options, found));
  options.json ? print_json(found) : print_text(found);
  if (found.chosen) return kExitOk;
  say_nothing_fits(found, options.budget);
  return kExitBeyond;
}

}  // namespace

Command add_fit(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand(
      "fit",
      "Tries precisions, pruning and image sizes, and writes the model within a budget that answers best");
  add_model_flags(*app, options->model, true);
  add_output_flag(*app, options->output);
  app->add_option("--calibrate", options->photos, "Directory of photos: some calibrate, the others measure")
      ->type_name("DIR")
      ->required()
      ->check(CLI::ExistingDirectory);
  app->add_option(
         "--labels", options->labels,
         "JSON with the class of each file, as for 'evaluate'; by itself labels.json of the directory. "
         "Without labels, answers other than the model's count as lost")
      ->type_name("FILE");
  app->add_option("--max-bytes", options->budget.max_bytes,
                  "Most bytes of weights and model.json: 4MB, 500KiB")
      ->type_name("BYTES")
      ->transform(CLI::AsSizeValue(true));
  app->add_option("--max-ms", options->budget.max_ms,
                  "Most milliseconds of an inference on this machine, the median")
      ->type_name("MS")
      ->check(CLI::PositiveNumber);
  app->add_option("--max-drop", options->budget.max_drop,
                  "Most points of top-1 to lose, or of agreement without labels")
      ->type_name("POINTS");
  app->add_option("--precisions", options->precisions, "Precisions to try, of f32, fp16, dynamic-int8, int8")
      ->type_name("f32,fp16,int8")
      ->delimiter(',')
      ->check(CLI::IsMember({"f32", "fp16", "dynamic-int8", "int8"}));
  app->add_option(
         "--macs", options->macs,
         "Parts of the multiply-accumulates to prune to, 1 for all; what cannot be reached is left out")
      ->type_name("1,0.75")
      ->delimiter(',')
      ->check(CLI::Range(0.05, 1.0));
  app->add_option("--sizes", options->sizes,
                  "Image sizes to try, as for 'variants'; by itself the model's and three smaller ones")
      ->type_name("N,N,...");
  app->add_option("--calibration", options->calibration,
                  "How many of the photos calibrate, at most half of them")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app->add_option("--limit", options->limit, "Only the first N photos by name")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app->add_option("--plot", options->plot,
                  "Where to write the plot (SVG); by itself fit.svg beside the model")
      ->type_name("FILE");
  add_image_flags(*app, options->classify);
  app->add_option("--scores", options->classify.output, "Output with the classes, for models of several")
      ->type_name("NAME");
  add_json_flag(*app, options->json);
  app->footer(
      "Exit status: 0 a model is written, 3 nothing meets the budget.\n"
      "Example:\n"
      "  linnet fit models/mobilenet -o mobilenet-fit --max-bytes 4MB --max-ms 10 --max-drop 1 --calibrate "
      "photos");
  return {app, [options] { return fit(*options); }};
}

}  // namespace linnet

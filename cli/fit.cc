// linnet fit: the model within a budget of bytes, time and accuracy that answers best.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>

#include "cli/calibration.h"
#include "cli/candidates.h"
#include "cli/classify_flags.h"
#include "cli/commands.h"
#include "cli/io.h"
#include "cli/json.h"
#include "cli/model_copy.h"
#include "cli/pareto.h"
#include "cli/progress.h"
#include "cli/scatter_plot.h"
#include "cli/table.h"

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
  std::optional<uint64_t> max_bytes;
  std::optional<double> max_ms, max_drop;
  bool json = false;
};

struct Candidate {
  Base base;
  ImageSize size;
  ModelJson json;
  Measured measured;
  Paired paired;  // with the original, of the photos whose class is known
  size_t agreements = 0;
  double drop = 0;  // points of top-1, or of agreement
  bool fits = false, pareto = false;

  std::string text() const {
    const std::string name = std::string(precision_name(base.precision)) + " at " + size.text();
    return base.macs < 1 ? formatted("%s, %g of MACs", name.c_str(), base.macs) : name;
  }
};

struct Findings {
  PhotoSet measuring;
  Measured original;
  std::vector<Candidate> candidates;  // the fastest first
  std::optional<size_t> chosen;
  std::string model, plot;
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

double percent(size_t count, size_t total) {
  return 100.0 * static_cast<double>(count) / static_cast<double>(total);
}

size_t count_right(const Answers& answers, const PhotoSet& set) {
  size_t count = 0;
  for (size_t i = 0; i < set.photos.size(); ++i) count += answers.right(i, set.photos[i].truth, 1);
  return count;
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
  candidate.fits = candidate.measured.bytes <= options.max_bytes.value_or(UINT64_MAX) &&
                   candidate.measured.ms <= options.max_ms.value_or(INFINITY) &&
                   candidate.drop <= options.max_drop.value_or(INFINITY);
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
  std::vector<Measured*> models{&found.original};
  for (Candidate& candidate : found.candidates) models.push_back(&candidate.measured);
  TRY(time_together(models));
  for (Candidate& candidate : found.candidates) judge(options, found, candidate);
  return {};
}

void choose(Findings& found) {
  std::ranges::stable_sort(found.candidates, {},
                           [](const Candidate& candidate) { return candidate.measured.ms; });
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

std::string budget_text(const Options& options) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (options.max_bytes) add(formatted("%llu bytes", static_cast<unsigned long long>(*options.max_bytes)));
  if (options.max_ms) add(formatted("%g ms", *options.max_ms));
  if (options.max_drop) add(formatted("%g points", *options.max_drop));
  return text;
}

std::string plot_of(const Options& options, const Findings& found) {
  std::vector<std::string> groups;
  for (const Candidate& candidate : found.candidates)
    if (std::ranges::find(groups, precision_name(candidate.base.precision)) == groups.end())
      groups.emplace_back(precision_name(candidate.base.precision));
  std::ranges::sort(groups);
  ScatterPlot plot{
      .title = options.model.model + ": circles by bytes, the line joins what nothing else betters",
      .x_axis = "median ms on this machine",
      .y_axis = found.measuring.labelled() ? "points of top-1 lost" : "% of other answers",
      .groups = groups,
      .points = {},
      .x_limit = options.max_ms,
      .y_limit = options.max_drop};
  for (size_t i = 0; i < found.candidates.size(); ++i) {
    const Candidate& candidate = found.candidates[i];
    const auto group = std::ranges::find(groups, precision_name(candidate.base.precision));
    plot.points.push_back(
        {.x = candidate.measured.ms,
         .y = candidate.drop,
         .area = static_cast<double>(candidate.measured.bytes),
         .group = static_cast<size_t>(group - groups.begin()),
         .label = formatted("%s: %.2f ms, %.2f MB, %.1f", candidate.text().c_str(), candidate.measured.ms,
                            static_cast<double>(candidate.measured.bytes) / 1e6, candidate.drop),
         .joined = candidate.pareto,
         .chosen = found.chosen == i});
  }
  return plot.svg();
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
  const std::string svg = plot_of(options, found);
  return write_file(found.plot, std::as_bytes(std::span(svg)));
}

void print_json(const Findings& found) {
  const size_t total = found.measuring.photos.size();
  const bool labelled = found.measuring.labelled();
  const auto measured = [&](JsonOut& out, const Measured& of) {
    out.member("bytes", of.bytes).member("ms", rounded(of.ms, 4));
    if (labelled) out.member("top1", rounded(percent(count_right(of.answers, found.measuring), total), 2));
  };
  JsonOut out;
  out.begin_object().member("photos", uint64_t{total}).member("labelled", labelled);
  out.key("original").begin_object();
  measured(out, found.original);
  out.end_object().key("candidates").begin_array();
  for (size_t i = 0; i < found.candidates.size(); ++i) {
    const Candidate& candidate = found.candidates[i];
    out.begin_object().member("precision", precision_name(candidate.base.precision));
    out.member("macs", candidate.base.macs)
        .member("height", candidate.size.height)
        .member("width", candidate.size.width);
    measured(out, candidate.measured);
    out.member("agreement", rounded(percent(candidate.agreements, total), 2));
    out.member("drop", rounded(candidate.drop, 2)).member("fits", candidate.fits);
    out.member("pareto", candidate.pareto).member("chosen", found.chosen == i).end_object();
  }
  out.end_array();
  if (!found.model.empty()) out.member("model", found.model);
  if (!found.plot.empty()) out.member("plot", found.plot);
  out.end_object().print();
}

void print_text(const Findings& found) {
  const size_t total = found.measuring.photos.size();
  const bool labelled = found.measuring.labelled();
  std::vector<std::string> titles{"", "model", "bytes", "median ms", "agrees"};
  if (labelled) titles.insert(titles.end(), {"top-1", "points lost"});
  Table table(std::move(titles), 2);
  const auto add = [&](const char* mark, const std::string& name, const Measured& of,
                       const Candidate* candidate) {
    std::vector<std::string> row{
        mark, name, std::to_string(of.bytes), formatted("%.2f", of.ms),
        candidate ? formatted("%.1f %%", percent(candidate->agreements, total)) : ""};
    if (labelled)
      row.push_back(formatted("%.1f %%", percent(count_right(of.answers, found.measuring), total)));
    if (labelled && candidate) {
      const Interval interval = newcombe(candidate->paired);
      row.push_back(formatted("%.1f (%.1f to %.1f)", candidate->drop, 0.0 - 100 * interval.high,
                              0.0 - 100 * interval.low));
    }
    table.add(std::move(row));
  };
  add("", "original", found.original, nullptr);
  for (size_t i = 0; i < found.candidates.size(); ++i) {
    const Candidate& candidate = found.candidates[i];
    add(found.chosen == i  ? ">"
        : candidate.pareto ? "*"
                           : "",
        candidate.text(), candidate.measured, &candidate);
  }
  std::printf("measured on %zu photos; nothing is better than what has a *\n\n", total);
  table.print();
  if (found.chosen)
    std::printf("\nchosen  %s\nwrote   %s\n", found.candidates[*found.chosen].text().c_str(),
                found.model.c_str());
  if (!found.plot.empty()) std::printf("plot    %s\n", found.plot.c_str());
}

// By how much the candidate is beyond its worst limit, as a part of it; of points, of one point at least.
double excess_of(const Options& options, const Candidate& candidate) {
  double excess = 0;
  const auto count = [&](double value, double limit, double least) {
    excess = std::max(excess, (value - limit) / std::max(limit, least));
  };
  if (options.max_bytes)
    count(static_cast<double>(candidate.measured.bytes), static_cast<double>(*options.max_bytes), 1);
  if (options.max_ms) count(candidate.measured.ms, *options.max_ms, 1e-6);
  if (options.max_drop) count(candidate.drop, *options.max_drop, 1);
  return excess;
}

void say_nothing_fits(const Options& options, const Findings& found) {
  uint64_t bytes = UINT64_MAX;
  double ms = INFINITY, drop = INFINITY;
  for (const Candidate& candidate : found.candidates) {
    bytes = std::min(bytes, candidate.measured.bytes);
    ms = std::min(ms, candidate.measured.ms);
    drop = std::min(drop, candidate.drop);
  }
  const Candidate& nearest = *std::ranges::min_element(
      found.candidates, {}, [&](const Candidate& candidate) { return excess_of(options, candidate); });
  std::fprintf(
      stderr,
      "linnet: no candidate meets the budget of %s; the smallest has %llu bytes, the fastest takes %.2f ms, "
      "the best loses %.1f points. Nothing is written.\n"
      "linnet: the nearest is %s: --max-bytes %llu --max-ms %.2f --max-drop %.1f would let it in.\n",
      budget_text(options).c_str(), static_cast<unsigned long long>(bytes), ms, drop, nearest.text().c_str(),
      static_cast<unsigned long long>(nearest.measured.bytes), nearest.measured.ms + 0.005,
      std::max(nearest.drop + 0.05, 0.0));
}

Result<int> fit(const Options& options) {
  if (budget_text(options).empty())
    return fail(ErrorCode::InvalidArgument, "give a budget: --max-bytes, --max-ms or --max-drop");
  TRY_ASSIGN(const PhotoSet set, list_photos(options.photos, options.labels, options.limit));
  const size_t calibration = std::min(options.calibration, set.photos.size() / 2);
  if (calibration == 0)
    return fail(ErrorCode::InvalidArgument, "%s: one photo is too few: some calibrate, others measure",
                options.photos.c_str());
  TRY_ASSIGN(const std::string location, locate_model(options.model.model));
  TRY(expect_elsewhere(location, options.output));
  Workshop workshop{options.model,           options.classify.preprocessing(),
                    options.classify.output, {},
                    set.labelled(),          options.max_drop};
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
  say_nothing_fits(options, found);
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
  app->add_option("--max-bytes", options->max_bytes, "Most bytes of weights and model.json: 4MB, 500KiB")
      ->type_name("BYTES")
      ->transform(CLI::AsSizeValue(true));
  app->add_option("--max-ms", options->max_ms,
                  "Most milliseconds of an inference on this machine, the median")
      ->type_name("MS")
      ->check(CLI::PositiveNumber);
  app->add_option("--max-drop", options->max_drop,
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

// linnet evaluate: how often a classifier is right on a labelled set, and how long it takes.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "cli/classifier.h"
#include "cli/classify_flags.h"
#include "cli/commands.h"
#include "cli/io.h"
#include "cli/json.h"
#include "cli/labels.h"
#include "cli/progress.h"
#include "cli/scores.h"

namespace linnet {
namespace {

constexpr uint64_t kMaxTruthBytes = uint64_t{64} << 20;
// Classifiers of ImageNet's 1000 classes may have one in front for the background.
constexpr size_t kClassesWithBackground = 1001;

struct Options {
  ModelFlags model;
  ClassifyFlags classify;
  std::string images, labels;
  int64_t limit = 0;  // 0: all
  bool json = false;
};

struct Tally {
  size_t images = 0, top1 = 0, top5 = 0;
  std::vector<double> times;

  double percent(size_t count) const {
    return 100.0 * static_cast<double>(count) / static_cast<double>(images);
  }
  double ms(double p) const { return rounded(percentile(times, p), 3); }
};

Result<std::vector<Truth>> read_truth(const Options& options) {
  TRY_ASSIGN(const Buffer text, read_location(options.labels, kMaxTruthBytes));
  auto truth = parse_truth(as_text(text));
  if (!truth) return std::unexpected(truth.error().within(options.labels));
  if (options.limit > 0 && static_cast<size_t>(options.limit) < truth->size()) {
    truth->erase(truth->begin() + static_cast<ptrdiff_t>(options.limit), truth->end());
  }
  return truth;
}

void print_json(const Classifier& classifier, const Tally& tally) {
  JsonOut out;
  out.begin_object().member("images", uint64_t{tally.images});
  out.member("top1", rounded(tally.percent(tally.top1), 2))
      .member("top5", rounded(tally.percent(tally.top5), 2));
  out.member("p50_ms", tally.ms(0.5)).member("p95_ms", tally.ms(0.95));
  out.member("top1_count", uint64_t{tally.top1}).member("top5_count", uint64_t{tally.top5});
  out.member("model", classifier.location());
  out.member("normalisation", classifier.preprocessing().normalisation).end_object().print();
}

void print_text(const Tally& tally) {
  std::printf("images  %zu\n", tally.images);
  std::printf("top-1   %.1f %%  (%zu)\n", tally.percent(tally.top1), tally.top1);
  std::printf("top-5   %.1f %%  (%zu)\n", tally.percent(tally.top5), tally.top5);
  std::printf("time    median %.2f ms, p95 %.2f ms\n", tally.ms(0.5), tally.ms(0.95));
}

Result<int> evaluate(const Options& options) {
  TRY_ASSIGN(const std::vector<Truth> truth, read_truth(options));
  TRY_ASSIGN(Classifier classifier,
             Classifier::load(options.model, options.classify.preprocessing(), options.classify.output));
  const std::string& warning = classifier.preprocessing().warning;
  if (!warning.empty()) std::fprintf(stderr, "linnet: %s\n", warning.c_str());

  const size_t shift = classifier.classes() == kClassesWithBackground ? 1 : 0;
  Tally tally;
  Progress progress("images", truth.size());
  for (const Truth& entry : truth) {
    const std::string file = (std::filesystem::path(options.images) / entry.file).string();
    const size_t index = static_cast<size_t>(entry.index) + shift;
    if (index >= classifier.classes()) {
      return fail(ErrorCode::WrongSize, "%s: %s is of class %zu, but the model has %zu classes",
                  options.labels.c_str(), entry.file.c_str(), index, classifier.classes());
    }
    TRY_ASSIGN(const Image image, read_image(file));
    auto result = classifier.classify(image);
    if (!result) return std::unexpected(result.error().within(file));
    const size_t rank = rank_of(result->scores, index);
    ++tally.images;
    tally.top1 += rank < 1;
    tally.top5 += rank < 5;
    tally.times.push_back(result->ms);
    progress.step();
  }
  options.json ? print_json(classifier, tally) : print_text(tally);
  return kExitOk;
}

}  // namespace

Command add_evaluate(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand(
      "evaluate", "Measures a classifier on labelled images: top-1, top-5, milliseconds");
  add_model_flags(*app, options->model, true);
  app->add_option("--images", options->images, "Directory of the images")
      ->type_name("DIR")
      ->required()
      ->check(CLI::ExistingDirectory);
  app->add_option("--labels", options->labels,
                  "JSON with the class of each file: {\"images\": {FILE: {\"index\": N}}}")
      ->type_name("FILE")
      ->required();
  app->add_option("--limit", options->limit, "Only the first N images by name")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  add_classify_flags(*app, options->classify);
  add_json_flag(*app, options->json);
  app->footer(
      "Times are of the inference alone. In models with 1001 classes class 0 is the background.\n"
      "Example:\n"
      "  linnet evaluate models/mobilenet --images imagenet --labels imagenet/labels.json --json");
  return {app, [options] { return evaluate(*options); }};
}

}  // namespace linnet

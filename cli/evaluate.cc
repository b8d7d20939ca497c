// linnet evaluate: how often classifiers are right on photos, how sure that is, and how long they take.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>

#include "cli/classifier.h"
#include "cli/classify_flags.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/photos.h"
#include "cli/progress.h"
#include "cli/scores.h"
#include "cli/table.h"

namespace linnet {
namespace {

struct Options {
  ModelFlags model;
  std::vector<std::string> models;
  ClassifyFlags classify;
  std::string images, labels;
  size_t limit = 0;  // 0: all
  bool per_class = false, json = false;
};

struct Counts {
  size_t top1 = 0, top5 = 0;
};

// The photos of one class, and how many of them each model gets right.
struct ClassRow {
  std::string label;
  size_t photos = 0;
  std::vector<Counts> models;
};

struct Findings {
  PhotoSet set;
  std::vector<std::string> locations, normalisations;
  std::vector<Answers> answers;

  size_t photos() const { return set.photos.size(); }
  Counts counts(size_t model) const {
    Counts counts;
    for (size_t i = 0; i < photos(); ++i) {
      counts.top1 += answers[model].right(i, set.photos[i].truth, 1);
      counts.top5 += answers[model].right(i, set.photos[i].truth, 5);
    }
    return counts;
  }
  std::map<int64_t, ClassRow> classes() const {
    std::map<int64_t, ClassRow> rows;
    for (size_t i = 0; i < photos(); ++i) {
      const Photo& photo = set.photos[i];
      ClassRow& row = rows[photo.truth];
      if (row.label.empty()) row.label = photo.label;
      ++row.photos;
      row.models.resize(answers.size());
      for (size_t m = 0; m < answers.size(); ++m) {
        row.models[m].top1 += answers[m].right(i, photo.truth, 1);
        row.models[m].top5 += answers[m].right(i, photo.truth, 5);
      }
    }
    return rows;
  }
};

double percent(size_t count, size_t total) {
  return 100.0 * static_cast<double>(count) / static_cast<double>(total);
}

void write_interval(JsonOut& out, const char* key, const Interval& interval) {
  out.key(key).begin_array().value(rounded(100 * interval.low, 2)).value(rounded(100 * interval.high, 2));
  out.end_array();
}

void write_model(JsonOut& out, const Findings& found, size_t m) {
  const Answers& answers = found.answers[m];
  const size_t photos = found.photos();
  if (found.set.labelled()) {
    const Counts counts = found.counts(m);
    out.member("top1", rounded(percent(counts.top1, photos), 2));
    out.member("top5", rounded(percent(counts.top5, photos), 2));
    write_interval(out, "top1_interval", wilson(counts.top1, photos));
    write_interval(out, "top5_interval", wilson(counts.top5, photos));
    out.member("top1_count", uint64_t{counts.top1}).member("top5_count", uint64_t{counts.top5});
  }
  out.member("p50_ms", rounded(percentile(answers.ms(), 0.5), 3));
  out.member("p95_ms", rounded(percentile(answers.ms(), 0.95), 3));
  out.member("model", found.locations[m]).member("normalisation", found.normalisations[m]);
  if (m == 0) return;
  const size_t agreements = count_agreements(found.answers[0], answers);
  out.key("against_first").begin_object();
  out.member("agreement", rounded(percent(agreements, photos), 2));
  out.member("agreement_count", uint64_t{agreements});
  write_interval(out, "agreement_interval", wilson(agreements, photos));
  if (found.set.labelled()) {
    const Paired counts = compare_top1(found.answers[0], answers, found.set.photos);
    out.member("top1_difference", rounded(100 * counts.difference(), 2));
    write_interval(out, "top1_difference_interval", newcombe(counts));
    out.member("gained", uint64_t{counts.only_second}).member("lost", uint64_t{counts.only_first});
    out.member("p", mcnemar(counts));
  }
  out.end_object();
}

void write_classes(JsonOut& out, const Findings& found) {
  out.key("classes").begin_array();
  for (const auto& [index, row] : found.classes()) {
    out.begin_object().member("index", index);
    if (!row.label.empty()) out.member("label", row.label);
    out.member("photos", uint64_t{row.photos}).key("top1_counts").begin_array();
    for (const Counts& counts : row.models) out.value(uint64_t{counts.top1});
    out.end_array().key("top5_counts").begin_array();
    for (const Counts& counts : row.models) out.value(uint64_t{counts.top5});
    out.end_array().end_object();
  }
  out.end_array();
}

void print_json(const Findings& found, const Options& options) {
  JsonOut out;
  out.begin_object().member("images", uint64_t{found.photos()});
  if (found.answers.size() == 1) {
    write_model(out, found, 0);
  } else {
    out.key("models").begin_array();
    for (size_t m = 0; m < found.answers.size(); ++m) {
      out.begin_object();
      write_model(out, found, m);
      out.end_object();
    }
    out.end_array();
  }
  if (options.per_class) write_classes(out, found);
  out.end_object().print();
}

// "81.6 % (78.0 to 84.8)"
std::string share_text(size_t count, size_t total) {
  const Interval interval = wilson(count, total);
  return formatted("%.1f %% (%.1f to %.1f)", percent(count, total), 100 * interval.low, 100 * interval.high);
}

// "-0.4 (-1.8 to 1.0), p 0.73"
std::string difference_text(const Paired& counts) {
  const Interval interval = newcombe(counts);
  return formatted("%+.1f (%+.1f to %+.1f), p %.2g", 100 * counts.difference(), 100 * interval.low,
                   100 * interval.high, mcnemar(counts));
}

void print_text(const Findings& found, const Options& options) {
  const size_t photos = found.photos();
  const bool labelled = found.set.labelled(), several = found.answers.size() > 1;
  std::vector<std::string> titles{"model"};
  if (labelled) titles.insert(titles.end(), {"top-1", "top-5"});
  titles.insert(titles.end(), {"median ms", "p95 ms"});
  if (several) titles.emplace_back("agrees with the first");
  if (several && labelled) titles.emplace_back("top-1 less the first's");
  Table table(std::move(titles));
  for (size_t m = 0; m < found.answers.size(); ++m) {
    const Answers& answers = found.answers[m];
    std::vector<std::string> row{options.models[m]};
    if (labelled) {
      const Counts counts = found.counts(m);
      row.insert(row.end(), {share_text(counts.top1, photos), share_text(counts.top5, photos)});
    }
    row.push_back(formatted("%.2f", percentile(answers.ms(), 0.5)));
    row.push_back(formatted("%.2f", percentile(answers.ms(), 0.95)));
    if (m > 0) {
      row.push_back(share_text(count_agreements(found.answers[0], answers), photos));
      if (labelled) row.push_back(difference_text(compare_top1(found.answers[0], answers, found.set.photos)));
    }
    table.add(std::move(row));
  }
  std::printf("%zu images%s\n\n", photos, labelled ? "" : " of unknown class");
  table.print();
  if (!options.per_class) return;
  titles = {"class", "label", "images"};
  for (const std::string& model : options.models) titles.push_back(model);
  Table classes(std::move(titles), 2);
  for (const auto& [index, row] : found.classes()) {
    std::vector<std::string> cells{std::to_string(index), row.label, std::to_string(row.photos)};
    for (const Counts& counts : row.models)
      cells.push_back(formatted("%.1f %%", percent(counts.top1, row.photos)));
    classes.add(std::move(cells));
  }
  std::printf("\ntop-1 by class\n");
  classes.print();
}

Result<int> evaluate(const Options& options) {
  Findings found;
  TRY_ASSIGN(found.set, list_photos(options.images, options.labels, options.limit));
  if (!found.set.labelled() && options.models.size() == 1)
    return fail(ErrorCode::InvalidArgument,
                "%s has no labels.json: give --labels FILE, or a second model to compare the answers with",
                options.images.c_str());
  if (!found.set.labelled() && options.per_class)
    return fail(ErrorCode::InvalidArgument, "--per-class needs labels: %s has no labels.json",
                options.images.c_str());
  std::vector<Classifier> models;
  for (const std::string& model : options.models) {
    ModelFlags flags = options.model;
    flags.model = model;
    TRY_ASSIGN(Classifier classifier,
               Classifier::load(flags, options.classify.preprocessing(), options.classify.output));
    const PreprocessChoice& preprocessing = classifier.preprocessing();
    if (!preprocessing.warning.empty())
      std::fprintf(stderr, "linnet: %s: %s\n", model.c_str(), preprocessing.warning.c_str());
    found.locations.push_back(classifier.location());
    found.normalisations.push_back(preprocessing.normalisation);
    models.push_back(std::move(classifier));
  }
  {
    Progress progress("images", found.photos());
    TRY_ASSIGN(found.answers, answer_photos(models, found.set, [&] { progress.step(); }));
  }
  options.json ? print_json(found, options) : print_text(found, options);
  return kExitOk;
}

}  // namespace

Command add_evaluate(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand(
      "evaluate", "Measures classifiers on photos: top-1, top-5, agreement, milliseconds");
  app->add_option(
         "MODEL", options->models,
         "One or more models (directories, model.json or URLs); the others are compared with the first")
      ->type_name("")
      ->required();
  add_shared_model_flags(*app, options->model, true);
  app->add_option("--images,--photos", options->images, "Directory of the images")
      ->type_name("DIR")
      ->required()
      ->check(CLI::ExistingDirectory);
  app->add_option(
         "--labels", options->labels,
         "JSON with the class of each file: {\"images\": {FILE: {\"index\": N}}}; by itself labels.json of "
         "the directory. Without labels agreement alone is measured")
      ->type_name("FILE");
  app->add_option("--limit", options->limit, "Only the first N images by name")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app->add_flag("--per-class", options->per_class, "Show each class that has images, too");
  add_classify_flags(*app, options->classify);
  add_json_flag(*app, options->json);
  app->footer(
      "Bounds are of 95 %. Times are of the inference alone. In models with 1001 classes class 0 is the "
      "background.\n"
      "Examples:\n"
      "  linnet evaluate models/mobilenet --images imagenet --labels imagenet/labels.json --json\n"
      "  linnet evaluate models/mobilenet mobilenet-int8 --images imagenet --per-class");
  return {app, [options] { return evaluate(*options); }};
}

}  // namespace linnet

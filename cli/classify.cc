// linnet classify: what images show.
#include <cstdio>
#include <memory>
#include <optional>

#include "cli/classifier.h"
#include "cli/classify_flags.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "cli/scores.h"

namespace linnet {
namespace {

struct Options {
  ModelFlags model;
  ClassifyFlags classify;
  std::vector<std::string> images;
  std::string labels, save_input;
  int top = 5;
  bool json = false;
};

struct Answer {
  std::string image;
  Result<Classification> result;
};

std::string label_of(const std::vector<std::string>& labels, size_t index) {
  return labels.empty() ? "class " + std::to_string(index) : labels[index];
}

void print_json(const Options& options, const Classifier& classifier, const std::vector<std::string>& labels,
                const std::vector<Answer>& answers) {
  JsonOut out;
  out.begin_object().member("model", classifier.location());
  out.member("normalisation", classifier.preprocessing().normalisation).key("images").begin_array();
  for (const Answer& answer : answers) {
    out.begin_object().member("file", answer.image);
    if (!answer.result) {
      out.member("error", answer.result.error().detail()).end_object();
      continue;
    }
    const std::vector<double> probabilities = to_probabilities(answer.result->scores);
    out.member("ms", rounded(answer.result->ms, 3)).key("top").begin_array();
    for (const size_t index : top_indices(answer.result->scores, static_cast<size_t>(options.top))) {
      out.begin_object().member("index", uint64_t{index}).member("label", label_of(labels, index));
      out.member("probability", probabilities[index]).end_object();
    }
    out.end_array().end_object();
  }
  out.end_array().end_object().print();
}

void print_text(const Options& options, const std::vector<std::string>& labels, const Answer& answer) {
  const Classification& result = *answer.result;
  std::printf("%s  (%.1f ms)\n", answer.image.c_str(), result.ms);
  const std::vector<double> probabilities = to_probabilities(result.scores);
  for (const size_t index : top_indices(result.scores, static_cast<size_t>(options.top))) {
    std::printf("  %6.2f %%  %s\n", 100 * probabilities[index], label_of(labels, index).c_str());
  }
}

Result<int> classify(const Options& options) {
  if (!options.save_input.empty() && options.images.size() > 1)
    return fail(ErrorCode::InvalidArgument, "--save-input takes the input of one image; %zu are given",
                options.images.size());
  TRY_ASSIGN(Classifier classifier,
             Classifier::load(options.model, options.classify.preprocessing(), options.classify.output));
  const std::string& warning = classifier.preprocessing().warning;
  if (!warning.empty()) std::fprintf(stderr, "linnet: %s\n", warning.c_str());
  TRY_ASSIGN(const auto labels, load_labels(options.labels, classifier.location(), classifier.classes()));

  // One image is answered at once; a bar would only flicker.
  std::optional<Progress> progress;
  if (options.images.size() > 1 && options.json) progress.emplace("images", options.images.size());
  std::vector<Answer> answers;
  bool failed = false;
  for (const std::string& file : options.images) {
    auto image = read_image(file);
    auto result = image ? classifier.classify(*image, options.save_input) : std::unexpected(image.error());
    answers.push_back({file, std::move(result)});
    const Answer& answer = answers.back();
    if (!answer.result) {
      failed = true;
      const Error& error = answer.result.error();
      std::fprintf(stderr, "linnet: %s: %s\n", error_title(error.code()), error.detail());
    } else if (!options.json) {
      print_text(options, labels, answer);
    }
    if (progress) progress->step();
  }
  progress.reset();
  if (options.json) print_json(options, classifier, labels, answers);
  return failed ? kExitFailure : kExitOk;
}

}  // namespace

Command add_classify(CLI::App& parent) {
  auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("classify", "Says what JPEG, PNG and WebP images show");
  add_model_flags(*app, options->model, true);
  app->add_option("IMAGE", options->images, "Image files or URLs")->type_name("")->required();
  app->add_option(
         "--labels", options->labels,
         "File with the name of each class on its line; labels.txt beside the model is used by itself")
      ->type_name("FILE");
  app->add_option("--top", options->top, "How many answers to show for an image")
      ->type_name("K")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app->add_option("--save-input", options->save_input,
                  "Write what the model gets of the image, for other programs to use the same")
      ->type_name("FILE|DIR/");
  add_classify_flags(*app, options->classify);
  add_json_flag(*app, options->json);
  app->footer(
      "A broken image does not stop the others; the exit status is then 1.\n"
      "Examples:\n"
      "  linnet classify models/mobilenet photo.jpg --labels imagenet_labels.txt\n"
      "  linnet classify models/nsfw a.png b.webp --normalisation unit --fit stretch --json");
  return {app, [options] { return classify(*options); }};
}

}  // namespace linnet

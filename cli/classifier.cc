#include "cli/classifier.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "cli/io.h"
#include "cli/labels.h"
#include "cli/scores.h"
#include "cli/tensor_files.h"

namespace linnet {
namespace {

constexpr uint64_t kMaxLabelBytes = uint64_t{16} << 20;

bool is_row_of_classes(const Shape& shape) {
  return shape.rank() >= 1 && shape.back() >= 2 && shape.elements() == shape.back();
}

Result<size_t> choose_output(std::span<const PlanPort> ports, const std::string& name) {
  std::string known;
  std::vector<size_t> fitting;
  for (size_t i = 0; i < ports.size(); ++i) {
    const bool fits = is_row_of_classes(ports[i].shape);
    if (!name.empty() && ports[i].name == name) {
      if (fits) return i;
      return fail(ErrorCode::ShapeMismatch, "the output '%s' has the shape %s; one row of classes is needed",
                  name.c_str(), ports[i].shape.to_string().c_str());
    }
    if (fits) fitting.push_back(i);
    known += (known.empty() ? "" : ", ") + ports[i].name + ports[i].shape.to_string();
  }
  if (!name.empty()) {
    return fail(ErrorCode::InvalidArgument, "no output is called '%s'; the model has: %s", name.c_str(),
                known.c_str());
  }
  if (fitting.size() == 1) return fitting[0];
  if (fitting.empty()) {
    return fail(ErrorCode::ShapeMismatch, "not a classifier: no output is one row of classes; it has: %s",
                known.c_str());
  }
  return fail(ErrorCode::InvalidArgument,
              "several outputs could be the classes; choose one with --output: %s", known.c_str());
}

}  // namespace

Result<Classifier> Classifier::load(const ModelFlags& flags, const PreprocessFlags& preprocessing,
                                    const std::string& output) {
  TRY_ASSIGN(LoadedModel model, load_model(flags));
  return create(std::move(model), preprocessing, output);
}

Result<Classifier> Classifier::create(LoadedModel model, const PreprocessFlags& preprocessing,
                                      const std::string& output) {
  Classifier classifier;
  classifier.model_ = std::move(model);
  const Session& session = *classifier.model_.session;
  const std::string& location = classifier.location();
  auto input = ImageInput::create(session, classifier.model_.metadata, preprocessing);
  if (!input) return std::unexpected(input.error().within(location));
  classifier.input_ = std::move(*input);
  auto chosen = choose_output(session.outputs(), output);
  if (!chosen) return std::unexpected(chosen.error().within(location));
  classifier.output_ = *chosen;
  classifier.classes_ = static_cast<size_t>(session.outputs()[*chosen].shape.elements());
  return classifier;
}

Result<Classification> Classifier::classify(const Image& image, const std::string& save_input) {
  Session& session = *model_.session;
  if (save_input.empty()) {
    TRY(input_.enter(session, image));
  } else {
    TRY(input_.fill(session, image));
    const NamedTensor tensor{session.inputs()[0].name, session.input(0)};
    TRY(write_tensors({&tensor, 1}, save_input));
  }
  Classification result;
  const auto start = std::chrono::steady_clock::now();
  session.run();
  result.ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  TRY_ASSIGN(result.scores, read_scores(session.output(output_)));
  return result;
}

Result<std::vector<std::string>> load_labels(const std::string& flag, const std::string& model_location,
                                             size_t classes) {
  std::string file = flag;
  if (file.empty()) {
    if (is_url(model_location)) return std::vector<std::string>();
    file = (std::filesystem::path(model_location).parent_path() / "labels.txt").string();
    std::error_code error;
    if (!std::filesystem::exists(file, error)) return std::vector<std::string>();
  }
  TRY_ASSIGN(const Buffer text, read_location(file, kMaxLabelBytes));
  auto labels = align_labels(parse_labels(as_text(text)), classes);
  if (labels) return labels;
  if (!flag.empty()) return std::unexpected(labels.error().within(file));
  std::fprintf(stderr, "linnet: leaving out %s: %s\n", file.c_str(), labels.error().detail());
  return std::vector<std::string>();
}

}  // namespace linnet

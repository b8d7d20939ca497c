#include "cli/photos.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "cli/image.h"
#include "cli/io.h"
#include "cli/labels.h"
#include "cli/samples.h"
#include "cli/scores.h"

namespace linnet {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxTruthBytes = uint64_t{64} << 20;
constexpr size_t kClassesWithBackground = 1001;
constexpr size_t kPlaces = 5;

Result<void> expect_classes(std::span<Classifier> models, const PhotoSet& set) {
  const auto real = [](const Classifier& model) {
    return model.classes() - background_classes(model.classes());
  };
  for (const Classifier& model : models) {
    if (real(model) != real(models.front()))
      return fail(ErrorCode::WrongSize, "%s has %zu classes, %s has %zu: they cannot be compared",
                  models.front().location().c_str(), real(models.front()), model.location().c_str(),
                  real(model));
    for (const Photo& photo : set.photos)
      if (photo.truth >= static_cast<int64_t>(real(model)))
        return fail(ErrorCode::WrongSize, "%s: %s is of class %lld, but the model has %zu classes",
                    set.labels.c_str(), fs::path(photo.file).filename().c_str(),
                    static_cast<long long>(photo.truth), real(model));
  }
  return {};
}

}  // namespace

Result<PhotoSet> list_photos(const std::string& directory, const std::string& labels, size_t limit) {
  PhotoSet set{.photos = {}, .labels = labels};
  const std::string beside = (fs::path(directory) / "labels.json").string();
  std::error_code error;
  if (labels.empty() && fs::exists(beside, error)) set.labels = beside;
  if (!set.labelled()) {
    TRY_ASSIGN(const std::vector<std::string> files, list_samples(directory, SampleKinds::Images, limit));
    for (const std::string& file : files) set.photos.push_back({.file = file, .label = {}});
    return set;
  }
  TRY_ASSIGN(const Buffer text, read_location(set.labels, kMaxTruthBytes));
  auto truth = parse_truth(as_text(text));
  if (!truth) return std::unexpected(truth.error().within(set.labels));
  if (limit > 0 && limit < truth->size())
    truth->erase(truth->begin() + static_cast<ptrdiff_t>(limit), truth->end());
  for (const Truth& entry : *truth)
    set.photos.push_back({(fs::path(directory) / entry.file).string(), entry.index, entry.label});
  return set;
}

size_t background_classes(size_t classes) {
  return classes == kClassesWithBackground ? 1 : 0;
}

void Answers::add(const Classification& classification) {
  std::vector<int64_t>& top = top_.emplace_back();
  for (const size_t index : top_indices(classification.scores, kPlaces))
    top.push_back(static_cast<int64_t>(index) - static_cast<int64_t>(background_classes(classes_)));
  ms_.push_back(classification.ms);
}

bool Answers::right(size_t i, int64_t truth, size_t places) const {
  const auto end = top_[i].begin() + static_cast<ptrdiff_t>(std::min(places, top_[i].size()));
  return std::find(top_[i].begin(), end, truth) != end;
}

Paired compare_top1(const Answers& first, const Answers& second, std::span<const Photo> photos) {
  Paired counts;
  for (size_t i = 0; i < photos.size(); ++i) {
    const bool one = first.right(i, photos[i].truth, 1), other = second.right(i, photos[i].truth, 1);
    ++(one ? (other ? counts.both : counts.only_first) : (other ? counts.only_second : counts.neither));
  }
  return counts;
}

size_t count_agreements(const Answers& first, const Answers& second) {
  size_t count = 0;
  for (size_t i = 0; i < first.photos(); ++i) count += first.best(i) == second.best(i);
  return count;
}

Result<std::vector<Answers>> answer_photos(std::span<Classifier> models, const PhotoSet& set,
                                           const std::function<void()>& step) {
  TRY(expect_classes(models, set));
  std::vector<Answers> answers;
  for (const Classifier& model : models) answers.emplace_back(model.classes());
  for (const Photo& photo : set.photos) {
    TRY_ASSIGN(const Image image, read_image(photo.file));
    for (size_t i = 0; i < models.size(); ++i) {
      auto result = models[i].classify(image);
      if (!result) return std::unexpected(result.error().within(models[i].location()).within(photo.file));
      answers[i].add(*result);
    }
    step();
  }
  return answers;
}

}  // namespace linnet

// A set of photos to measure classifiers with, and what classifiers answer on it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/classifier.h"
#include "cli/statistics.h"

namespace linnet {

struct Photo {
  std::string file;    // its path
  int64_t truth = -1;  // its class, the background not counted; -1: unknown
  std::string label;   // the class's name, where the labels have one
};

struct PhotoSet {
  std::vector<Photo> photos;
  std::string labels;  // the file with their classes; empty: unknown
  bool labelled() const { return !labels.empty(); }
};

// The photos that the file `labels` names in `directory`; by itself the file is the directory's labels.json.
// Without either all images of the directory, of unknown class. By name, at most `limit` where that is not 0.
Result<PhotoSet> list_photos(const std::string& directory, const std::string& labels, size_t limit);

// How many of a model's classes come before class 0 of labels: in classifiers of ImageNet's 1000 classes with
// one more, that is the background.
size_t background_classes(size_t classes);

// What a model answered on photos, in their order.
class Answers {
 public:
  explicit Answers(size_t classes) : classes_(classes) {}
  void add(const Classification& classification);

  size_t photos() const { return ms_.size(); }
  size_t classes() const { return classes_; }
  // The best class of photo `i`, counted as labels count; the background is -1.
  int64_t best(size_t i) const { return top_[i].front(); }
  // Is `truth` among the best `places` (at most 5) of photo `i`?
  bool right(size_t i, int64_t truth, size_t places) const;
  const std::vector<double>& ms() const { return ms_; }

 private:
  size_t classes_;
  std::vector<std::vector<int64_t>> top_;
  std::vector<double> ms_;
};

// On how many photos they have the best class right.
Paired compare_top1(const Answers& first, const Answers& second, std::span<const Photo> photos);
// On how many photos they have the same best class.
size_t count_agreements(const Answers& first, const Answers& second);

// Has all models answer on all photos, each of which is decoded once. `step` is called after each photo.
// Fails with WrongSize where a photo's class is none of a model's, or models disagree about the classes that
// there are; or names the photo that cannot be read or has an answer that is not finite.
Result<std::vector<Answers>> answer_photos(std::span<Classifier> models, const PhotoSet& set,
                                           const std::function<void()>& step);

}  // namespace linnet

// A model that scores one image at a time: what `classify` and `evaluate` share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/image_input.h"
#include "cli/model_source.h"

namespace linnet {

// The scores of one image and the time of the inference alone, in milliseconds.
struct Classification {
  std::vector<double> scores;
  double ms = 0;
};

class Classifier {
 public:
  // Fails where the model cannot be loaded, does not have exactly one image input, or has no output with one
  // row of two or more classes (`output` chooses by name; empty: the only one that fits).
  static Result<Classifier> load(const ModelFlags& model, const PreprocessFlags& preprocessing,
                                 const std::string& output);

  // The same of a model that is loaded.
  static Result<Classifier> create(LoadedModel model, const PreprocessFlags& preprocessing,
                                   const std::string& output);

  size_t classes() const { return classes_; }
  const std::string& output_name() const { return model_.session->outputs()[output_].name; }
  const std::string& location() const { return model_.location; }
  Session& session() { return *model_.session; }
  const PreprocessChoice& preprocessing() const { return input_.preprocessing(); }

  // `save_input`: where write_tensors puts the model's input, for other programs to use the same; empty:
  // nowhere.
  Result<Classification> classify(const Image& image, const std::string& save_input = "");

 private:
  Classifier() = default;
  LoadedModel model_;
  ImageInput input_;
  size_t output_ = 0;
  size_t classes_ = 0;
};

// The labels for `classes` classes from `flag` (a file or URL), else from labels.txt beside the model, else
// none. Labels found beside the model that do not fit are left out with a line on stderr; those asked for
// must fit.
Result<std::vector<std::string>> load_labels(const std::string& flag, const std::string& model_location,
                                             size_t classes);

}  // namespace linnet

// The image input of a model: which preprocessing it takes, and how it is filled.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "cli/image.h"
#include "cli/preprocessing.h"
#include "runtime/session.h"
#include "vision/preprocess.h"

namespace linnet {

class ImageInput {
 public:
  // For the only input of `session`. Fails where it has several, or one that takes no image. `metadata` as in
  // choose_preprocessing.
  static Result<ImageInput> create(const Session& session, std::string_view metadata,
                                   const PreprocessFlags& flags);

  const PreprocessChoice& preprocessing() const { return choice_; }
  // Fills the input of `session`, of the model that this was made for.
  Result<void> fill(Session& session, const Image& image);
  // Does what the next run of `session` needs to take the image. The input's elements may not change.
  Result<void> enter(Session& session, const Image& image);

 private:
  Result<void> write(const Image& image, const Session::ImageEntry& to);

  PreprocessChoice choice_;
  std::optional<Preprocessor> preprocessor_;  // for the size of the last image
  DType written_ = DType::F32;                // by it
};

}  // namespace linnet

// Which preprocessing a model's images need: from flags, else from the model's metadata.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "graph/type.h"
#include "vision/preprocess.h"

namespace linnet {

struct PreprocessFlags {
  std::optional<std::string> normalisation;
  std::optional<std::string> fit;
  std::optional<float> crop;
};

struct PreprocessChoice {
  PreprocessSpec spec;
  std::string normalisation;  // its name
  // What had to be assumed, for stderr; empty where flags and metadata said all.
  std::string warning;
};

// `metadata` is the model's userDefinedMetadata; its keys `normalisation`, `fit` and `crop` have the meaning
// of the flags, which override them. Where neither names a normalisation an i32 input gets raw pixels,
// another `pm1` and a warning. Fails with InvalidArgument for a value that is none of the known ones, saying
// where it stands.
Result<PreprocessChoice> choose_preprocessing(std::string_view metadata, const PreprocessFlags& flags,
                                              DType input_dtype);

}  // namespace linnet

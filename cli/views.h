// Calibration samples as tensors, several views of each image.
#pragma once

#include <string>

#include "cli/preprocessing.h"
#include "compress/sample_runner.h"

namespace linnet {

struct ViewedSamples {
  Samples samples;  // the views of one image one after another
  size_t views = 1;
  bool images = false;  // not tensors from files
};

// Reads the samples of a directory for the only input of `graph`. Of each image there are `views` views: as
// the preprocessing has it, mirrored, of a smaller part, of that mirrored, and so on. Directories with .npy
// files give each sample once. Fails as list_samples and SampleFeeder do.
Result<ViewedSamples> read_samples(const Graph& graph, const std::string& directory, size_t limit,
                                   size_t views, const std::string& metadata, const PreprocessFlags& flags);

}  // namespace linnet

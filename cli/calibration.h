// Samples in memory, the classes that they show, and the progress of what is done with them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/preprocessing.h"
#include "cli/progress.h"
#include "compress/sample_runner.h"
#include "graph/graph.h"

namespace linnet {

// `files`, images or .npy files, as the only input of `graph` takes them; `metadata` as in
// choose_preprocessing. Says on stderr where some images are of one colour. Fails as SampleFeeder::fill, or
// with TooLarge.
Result<Samples> read_samples(const Graph& graph, const std::vector<std::string>& files,
                             const std::string& metadata, const PreprocessFlags& flags);

// The class of each of `files`, counted as the outputs of `graph` count, by the JSON file `labels`; by itself
// by labels.json in `directory`. Empty, and stderr says why, where that is missing, does not name a file, or
// names a class that the model does not have. Fails where a `labels` that was given is broken or does not
// fit.
Result<std::vector<size_t>> read_sample_classes(const Graph& graph, const std::vector<std::string>& files,
                                                const std::string& directory, const std::string& labels);

// A bar for each stage of the work.
class Stages {
 public:
  void show(const char* stage, size_t done, size_t total) {
    if (done == 1 || !bar_) {
      bar_.reset();
      bar_ = std::make_unique<Progress>(stage, total);
    }
    bar_->step();
    if (done == total) bar_.reset();
  }

 private:
  std::unique_ptr<Progress> bar_;
};

}  // namespace linnet

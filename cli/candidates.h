// Smaller models made of one, and what each costs on this machine.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/classifier.h"
#include "cli/image.h"
#include "cli/image_sizes.h"
#include "cli/model_source.h"
#include "cli/photos.h"
#include "cli/preprocessing.h"
#include "compress/sample_runner.h"

namespace linnet {

// Mixed is int8 with the layers in fp16 that the drop asks for.
enum class Precision { F32, Fp16, DynamicInt8, Int8, Mixed };
const char* precision_name(Precision precision);
// Fails with InvalidArgument for other than f32, fp16, dynamic-int8 and int8.
Result<Precision> parse_precision(const std::string& name);

// A directory that is removed with the object.
class ScratchDirectory {
 public:
  static Result<ScratchDirectory> create();
  ScratchDirectory(ScratchDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory();
  const std::string& path() const { return path_; }

 private:
  explicit ScratchDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// What candidates are made of, and how.
struct Workshop {
  ModelFlags model;
  PreprocessFlags preprocessing;
  std::string output;  // the output with the classes; empty: the only one
  std::vector<Photo> calibration;
  bool labelled = false;
  // For Mixed: most points that may be lost.
  std::optional<double> most_drop;
};

// The model, simplified, without ranges.
struct Original {
  std::string location, metadata;
  Graph graph;
};
Result<Original> load_original(const Workshop& workshop);
// The photos to calibrate with, as the model's input takes them.
Result<Samples> read_calibration(const Workshop& workshop, const Original& original);

// Told after each piece of work: of which stage, how much of it is done, and how much there is.
using StageProgress = std::function<void(const char* stage, size_t done, size_t total)>;

// The model with `macs` of its multiply-accumulates, 1 for all. Fails as prune.
Result<Graph> reduce(const Workshop& workshop, const Original& original, const Samples& samples, double macs,
                     const StageProgress& progress);

// A model of the original's image size, written in a directory of its own.
struct Base {
  double macs;  // 1 where nothing is pruned
  Precision precision;
  std::string location;  // of its model.json
};

// Writes `graph`, of reduce, in `precision`, and, of int8 where that loses more on the calibration photos
// than most_drop, as Mixed too. Fails as quantize_model and writing do.
Result<std::vector<Base>> make_bases(const Workshop& workshop, const Original& original,
                                     const Samples& samples, const Graph& graph, double macs,
                                     Precision precision, const std::string& directory,
                                     const StageProgress& progress);

// A model that was questioned, and is kept to be timed.
struct Measured {
  uint64_t bytes = 0;  // of weights and model.json
  double ms = 0;       // median of inferences alone, of time_together
  Answers answers{0};
  std::unique_ptr<Classifier> classifier;
};

// Loads and questions the original model.
Result<Measured> measure_original(const Workshop& workshop, std::span<const Image> photos);
// The same for `base` at `size`. `json` gets its model.json.
Result<Measured> measure_at(const Workshop& workshop, const Base& base, const ImageSize& size,
                            std::span<const Image> photos, std::optional<ModelJson>* json);

// Times all models in turns, again and again and back and forth, so that what else the machine does meets all
// of them alike. Lets the models go.
Result<void> time_together(std::span<Measured* const> models);

}  // namespace linnet

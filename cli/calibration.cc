#include "cli/calibration.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "cli/io.h"
#include "cli/labels.h"
#include "cli/photos.h"
#include "cli/samples.h"
#include "runtime/compile.h"

namespace linnet {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostSampleBytes = uint64_t{1} << 30;
constexpr uint64_t kMostLabelBytes = uint64_t{64} << 20;

// Are all positions of an image alike?
bool is_one_colour(const TensorView& image) {
  if (image.shape.rank() != 4 || image.elements() == image.shape.back()) return false;
  const size_t pixel = static_cast<size_t>(image.shape.back()) * dtype_size(image.dtype);
  return std::memcmp(image.data, image.data + pixel, image.bytes() - pixel) == 0;
}

}  // namespace

Result<Samples> read_samples(const Graph& graph, const std::vector<std::string>& files,
                             const std::string& metadata, const PreprocessFlags& flags) {
  // A model that only has the input.
  Graph inputs = graph;
  inputs.ranges.clear();
  inputs.outputs = inputs.inputs;
  TRY_ASSIGN(const std::unique_ptr<Session> session, compile_cpu(std::move(inputs), {}, nullptr));
  SampleFeeder feeder(*session, metadata, flags);
  Progress progress("samples read", files.size());
  Samples samples;
  size_t one_colour = 0;
  for (const std::string& file : files) {
    TRY(feeder.fill(file));
    const TensorView input = session->input(0);
    if (input.bytes() * files.size() > kMostSampleBytes)
      return fail(ErrorCode::TooLarge, "%zu samples of this model take more than a gibibyte: give --limit",
                  files.size());
    TRY_ASSIGN(Tensor sample, Tensor::zeros(input.dtype, input.shape));
    std::memcpy(sample.mutable_data(), input.data, input.bytes());
    one_colour += is_one_colour(input);
    samples.push_back(std::move(sample));
    progress.step();
  }
  if (one_colour > 0)
    std::fprintf(stderr, "linnet: %zu of %zu samples are of one colour: they tell little about the ranges\n",
                 one_colour, files.size());
  return samples;
}

Result<std::vector<size_t>> read_sample_classes(const Graph& graph, const std::vector<std::string>& files,
                                                const std::string& directory, const std::string& labels) {
  std::string location = labels;
  if (location.empty()) {
    const fs::path beside = fs::path(directory) / "labels.json";
    if (!fs::is_regular_file(beside)) return std::vector<size_t>();
    location = beside.string();
  }
  TRY_ASSIGN(const Buffer text, read_location(location, kMostLabelBytes));
  auto truth = parse_truth(as_text(text));
  if (!truth) return std::unexpected(truth.error().within(location));
  const Shape& shape = graph.value(graph.outputs[0].value).shape;
  const size_t classes = shape.rank() == 0 ? 0 : static_cast<size_t>(shape.back());
  std::vector<size_t> result;
  for (const std::string& file : files) {
    const auto found = std::ranges::find(*truth, fs::path(file).filename().string(), &Truth::file);
    if (found == truth->end()) {
      std::fprintf(stderr, "linnet: %s does not name %s: the drop is measured without labels\n",
                   location.c_str(), file.c_str());
      return std::vector<size_t>();
    }
    const size_t index = static_cast<size_t>(found->index) + background_classes(classes);
    if (index >= classes && labels.empty()) {
      std::fprintf(stderr,
                   "linnet: %s is not of this model's %zu classes: the drop is measured without labels\n",
                   location.c_str(), classes);
      return std::vector<size_t>();
    }
    if (index >= classes)
      return fail(ErrorCode::WrongSize, "%s: %s is of class %zu, but the model has %zu classes",
                  location.c_str(), file.c_str(), index, classes);
    result.push_back(index);
  }
  return result;
}

}  // namespace linnet

#include "cli/views.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "cli/image_input.h"
#include "cli/progress.h"
#include "cli/samples.h"
#include "runtime/compile.h"

namespace linnet {
namespace {

// Part of the preprocessing's centre square that pairs of views show.
constexpr float kZooms[] = {1.0f, 0.8f, 0.9f, 0.7f, 0.95f, 0.85f, 0.75f, 0.65f};

// A session that does nothing but hold an input.
Result<std::unique_ptr<Session>> input_holder(const Graph& graph) {
  Graph holder;
  const Value& value = graph.value(graph.inputs[0].value);
  const ValueId input = holder.add_input(value.name, value.dtype, value.shape);
  holder.inputs.push_back({graph.inputs[0].name, input});
  TRY_ASSIGN(const ValueId copy, holder.add(Op::identity, "copy", {input}));
  holder.outputs.push_back({"copy", copy});
  return compile_cpu(std::move(holder), {}, nullptr);
}

Result<Tensor> copy_of(const TensorView& view) {
  TRY_ASSIGN(Tensor tensor, Tensor::zeros(view.dtype, view.shape));
  std::memcpy(tensor.mutable_data(), view.data, view.bytes());
  return tensor;
}

// An image [1,height,width,channels], left and right swapped.
Result<Tensor> mirrored(const Tensor& image) {
  const Shape& shape = image.shape();
  TRY_ASSIGN(Tensor result, Tensor::zeros(image.dtype(), shape));
  const size_t pixel = static_cast<size_t>(shape[3]) * dtype_size(image.dtype());
  const int64_t rows = int64_t{shape[0]} * shape[1];
  const int64_t width = shape[2];
  for (int64_t y = 0; y < rows; ++y)
    for (int64_t x = 0; x < width; ++x)
      std::memcpy(result.mutable_data() + static_cast<size_t>(y * width + x) * pixel,
                  image.data() + static_cast<size_t>(y * width + width - 1 - x) * pixel, pixel);
  return result;
}

}  // namespace

Result<ViewedSamples> read_samples(const Graph& graph, const std::string& directory, size_t limit,
                                   size_t views, const std::string& metadata, const PreprocessFlags& flags) {
  if (graph.inputs.size() != 1)
    return fail(ErrorCode::InvalidArgument, "the model has %zu inputs, samples can fill one",
                graph.inputs.size());
  TRY_ASSIGN(const std::vector<std::string> files,
             list_samples(directory, SampleKinds::ImagesAndTensors, limit));
  const bool tensors = std::ranges::any_of(
      files, [](const std::string& file) { return std::filesystem::path(file).extension() == ".npy"; });
  ViewedSamples result{{}, tensors ? 1 : views, !tensors};
  TRY_ASSIGN(const std::unique_ptr<Session> session, input_holder(graph));
  std::vector<SampleFeeder> feeders;
  float crop = 1;
  if (!tensors) {
    TRY_ASSIGN(const PreprocessChoice choice,
               choose_preprocessing(metadata, flags, session->inputs()[0].dtype));
    crop = choice.spec.crop;
  }
  for (size_t view = 0; view < result.views; view += 2) {
    PreprocessFlags zoomed = flags;
    if (view > 0) zoomed.crop = crop * kZooms[view / 2 % std::size(kZooms)];
    feeders.emplace_back(*session, metadata, zoomed);
  }
  Progress progress("samples read", files.size());
  for (const std::string& file : files) {
    for (size_t view = 0; view < result.views; ++view) {
      if (view % 2 == 1) {
        TRY_ASSIGN(Tensor mirror, mirrored(result.samples.back()));
        result.samples.push_back(std::move(mirror));
        continue;
      }
      TRY(feeders[view / 2].fill(file));
      TRY_ASSIGN(Tensor tensor, copy_of(session->input(0)));
      result.samples.push_back(std::move(tensor));
    }
    progress.step();
  }
  return result;
}

}  // namespace linnet

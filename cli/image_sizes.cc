#include "cli/image_sizes.h"

#include <algorithm>
#include <charconv>

#include "cli/model_source.h"
#include "vision/preprocess.h"

namespace linnet {
namespace {

constexpr const char* kForbids = "constants of the model forbid this size";

// A number of pixels at the start of `text`, which loses it; 0 where there is none.
int take_side(std::string_view& text) {
  int side = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), side);
  if (error != std::errc() || side < 1 || side > Preprocessor::kMaxSide) return 0;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return side;
}

Result<void> expect_same_rows(const Graph& original, const Graph& resized) {
  for (size_t i = 0; i < original.outputs.size(); ++i) {
    const Shape &before = original.value(original.outputs[i].value).shape,
                &after = resized.value(resized.outputs[i].value).shape;
    const bool may_grow = before.rank() > 2 && after.rank() == before.rank() && after[0] == before[0];
    if (!may_grow && !(before == after))
      return fail(ErrorCode::ShapeMismatch, "%s: the output '%s' would be %s in place of %s", kForbids,
                  original.outputs[i].name.c_str(), after.to_string().c_str(), before.to_string().c_str());
  }
  return {};
}

}  // namespace

std::string ImageSize::text() const {
  return height == width ? std::to_string(height) : std::to_string(height) + "x" + std::to_string(width);
}

Result<std::vector<ImageSize>> parse_image_sizes(std::string_view text) {
  const std::string_view all = text;
  std::vector<ImageSize> sizes;
  for (;;) {
    ImageSize size;
    size.height = size.width = take_side(text);
    if (text.starts_with('x')) {
      text.remove_prefix(1);
      size.width = take_side(text);
    }
    if (size.height == 0 || size.width == 0 || (!text.empty() && text[0] != ',')) break;
    if (std::ranges::find(sizes, size) == sizes.end()) sizes.push_back(size);
    if (text.empty()) return sizes;
    text.remove_prefix(1);
  }
  return fail(
      ErrorCode::InvalidArgument,
      "%.*s: expected sizes in pixels from 1 to %d with commas between, such as 224,192,160 or 144x256",
      static_cast<int>(all.size()), all.data(), Preprocessor::kMaxSide);
}

Result<ImageSize> image_size_of(const Graph& graph) {
  if (graph.inputs.size() != 1)
    return fail(ErrorCode::ShapeMismatch, "no model of one image: it has %zu inputs", graph.inputs.size());
  const Value& input = graph.value(graph.inputs[0].value);
  if (input.shape.rank() != 4)
    return fail(ErrorCode::ShapeMismatch, "input '%s' has the shape %s, which is no image's",
                graph.inputs[0].name.c_str(), input.shape.to_string().c_str());
  return ImageSize{input.shape[1], input.shape[2]};
}

Result<ModelJson> resize_model(const ModelJson& json, const std::string& location, const Graph& original,
                               const ImageSize& size, Graph* graph) {
  ModelJson resized = json;
  const auto work = [&]() -> Result<void> {
    TRY(resized.set_image_size(original.inputs[0].name, size.height, size.width));
    resized.remove_linnet_metadata("golden");
    TRY_ASSIGN(const std::unique_ptr<TfjsModel> model, TfjsModel::parse(resized.text()));
    TRY(read_weights(location, *model));
    auto built = model->to_graph({});
    if (!built) return std::unexpected(built.error().within(kForbids));
    TRY(expect_same_rows(original, *built));
    *graph = std::move(*built);
    return {};
  };
  if (auto done = work(); !done) return std::unexpected(done.error().within("at " + size.text()));
  return resized;
}

}  // namespace linnet

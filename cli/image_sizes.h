// One model at several sizes of its image, with one set of weights.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/model_json.h"
#include "formats/tfjs/tfjs_model.h"
#include "graph/graph.h"

namespace linnet {

struct ImageSize {
  int height = 0, width = 0;
  // "192", or "144x256" where the sides differ.
  std::string text() const;
  bool operator==(const ImageSize&) const = default;
};

// "192", "144x256", or several with commas between, each once. Fails with InvalidArgument.
Result<std::vector<ImageSize>> parse_image_sizes(std::string_view text);

// The size of the only input of `graph`, which is [1,height,width,channels]. Fails with ShapeMismatch.
Result<ImageSize> image_size_of(const Graph& graph);

// `json`, the model.json of the model at `location` whose graph is `original`, for images of another size:
// without golden answers, which are the original's. `graph` gets its graph. Fails where a constant of the
// model forbids the size, naming it and the node: an op's shape error, or a change in the number of rows or
// classes that an output of at most two dimensions has.
Result<ModelJson> resize_model(const ModelJson& json, const std::string& location, const Graph& original,
                               const ImageSize& size, Graph* graph);

}  // namespace linnet

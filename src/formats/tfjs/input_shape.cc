#include "formats/tfjs/input_shape.h"

#include <algorithm>

#include "base/format.h"

namespace linnet {

namespace {

int length_of(std::string_view text) {
  return static_cast<int>(text.size());
}

std::string dims_text(const std::vector<int64_t>& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size() && i < 16; ++i) {
    if (i > 0) text += ',';
    text += decimal(dims[i]);
  }
  return text + "]";
}

}  // namespace

Result<Shape> settle_input_shape(const DeclaredInput& input, const TfjsOptions& options) {
  const std::string_view name = input.port;
  auto given = options.input_shapes.find(input.port);
  if (given == options.input_shapes.end()) given = options.input_shapes.find(input.node);
  if (given != options.input_shapes.end()) {
    const std::vector<int64_t>& dims = given->second;
    bool fits = !input.rank_known || dims.size() == input.dims.size();
    for (size_t i = 0; fits && input.rank_known && i < dims.size(); ++i)
      fits = input.dims[i] == -1 || input.dims[i] == dims[i];
    if (!fits)
      return fail(ErrorCode::InvalidArgument, "input '%.*s' is %s in the model, the shape %s does not fit it",
                  length_of(name), name.data(), dims_text(input.dims).c_str(), dims_text(dims).c_str());
    return Shape::make(dims, input.dtype, name);
  }
  if (!input.rank_known)
    return fail(ErrorCode::InvalidArgument,
                "the model does not say how many dimensions input '%.*s' has; give its shape",
                length_of(name), name.data());
  std::vector<int64_t> dims = input.dims;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] != -1) continue;
    if (i != 0)
      return fail(ErrorCode::InvalidArgument, "dimension %zu of input '%.*s' %s is open; give its shape", i,
                  length_of(name), name.data(), dims_text(input.dims).c_str());
    if (options.batch < 1)
      return fail(ErrorCode::InvalidArgument, "a batch of %d is not possible", options.batch);
    dims[i] = options.batch;
  }
  return Shape::make(dims, input.dtype, name);
}

Result<void> check_input_names(const Graph& graph, const TfjsOptions& options) {
  for (const auto& [name, dims] : options.input_shapes) {
    const bool known = std::any_of(graph.inputs.begin(), graph.inputs.end(), [&](const GraphPort& port) {
      return port.name == name || graph.value(port.value).name == name;
    });
    if (!known)
      return fail(ErrorCode::InvalidArgument, "a shape is given for '%s', which is no input", name.c_str());
  }
  return {};
}

}  // namespace linnet

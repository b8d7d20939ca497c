// The shape that an input gets: the caller's, or the model's with its open dimensions settled.
#pragma once

#include <string_view>

#include "formats/tfjs/tfjs_model.h"

namespace linnet {

// An input as the model declares it; -1 stands for an open dimension.
struct DeclaredInput {
  std::string_view port;  // the name that the caller sees
  std::string_view node;
  DType dtype = DType::F32;
  bool rank_known = false;
  std::vector<int64_t> dims;
};

// Fails with InvalidArgument where the caller's shape is not possible, contradicts the model, or is needed
// and absent.
Result<Shape> settle_input_shape(const DeclaredInput& input, const TfjsOptions& options);
// Fails with InvalidArgument where `options` gives a shape for an input that the graph does not have.
Result<void> check_input_names(const Graph& graph, const TfjsOptions& options);

}  // namespace linnet

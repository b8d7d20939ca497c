// Builds the graph of a TensorFlow.js graph model.
#pragma once

#include "formats/tfjs/json.h"
#include "formats/tfjs/tfjs_model.h"
#include "formats/tfjs/weights.h"

namespace linnet {

// `root` is all of model.json; `weights` are complete. Fails as TfjsModel::to_graph does.
Result<Graph> import_graph_model(Json root, Weights& weights, const TfjsOptions& options);

}  // namespace linnet

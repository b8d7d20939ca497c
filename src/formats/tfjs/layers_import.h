// Builds the graph of a TensorFlow.js layers (Keras) model.
#pragma once

#include "formats/tfjs/json.h"
#include "formats/tfjs/tfjs_model.h"
#include "formats/tfjs/weights.h"

namespace linnet {

// The model's {"class_name", "config"}, or none where model.json holds no layers model.
Json find_layers_model(Json root);

// `model` is what find_layers_model gave; `weights` are complete. Fails as TfjsModel::to_graph does.
Result<Graph> import_layers_model(Json model, Weights& weights, const TfjsOptions& options);

}  // namespace linnet

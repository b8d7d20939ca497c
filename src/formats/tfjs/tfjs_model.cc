#include "formats/tfjs/tfjs_model.h"

#include <algorithm>
#include <cstring>

#include "formats/tfjs/graph_import.h"
#include "formats/tfjs/json.h"
#include "formats/tfjs/layers_import.h"
#include "formats/tfjs/ranges.h"
#include "formats/tfjs/weights.h"

namespace linnet {

struct TfjsModel::Parts {
  std::unique_ptr<JsonDocument> document;
  Weights weights;
  std::string metadata;
  Ranges ranges;
  Json layers;  // of a layers model
};

TfjsModel::TfjsModel(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TfjsModel::~TfjsModel() = default;

TfjsFormat TfjsModel::format() const {
  return parts_->layers ? TfjsFormat::Layers : TfjsFormat::Graph;
}

size_t TfjsModel::shard_count() const {
  return parts_->weights.shard_count();
}

std::string_view TfjsModel::shard_path(size_t index) const {
  return parts_->weights.shard_path(index);
}

void TfjsModel::keep_outside(HostBlock::Allocate allocate) {
  parts_->weights.keep_outside(allocate);
}

Result<std::span<std::byte>> TfjsModel::shard_room(size_t index) {
  return parts_->weights.shard_room(index);
}

Result<void> TfjsModel::shard_filled(size_t index, size_t bytes) {
  return parts_->weights.shard_filled(index, bytes);
}

Result<void> TfjsModel::shard_end(size_t index) {
  return parts_->weights.shard_end(index);
}

uint64_t TfjsModel::weights_bytes() const {
  return parts_->weights.bytes();
}

std::vector<WeightBytes> TfjsModel::weights_by_type() const {
  return parts_->weights.by_type();
}

const std::string& TfjsModel::metadata_json() const {
  return parts_->metadata;
}

Result<Graph> TfjsModel::to_graph(const TfjsOptions& options) {
  Weights& weights = parts_->weights;
  TRY(weights.check_complete());
  auto graph = parts_->layers ? import_layers_model(parts_->layers, weights, options)
                              : import_graph_model(parts_->document->root(), weights, options);
  weights.release();
  if (graph) graph->ranges = parts_->ranges;
  return graph;
}

Result<void> TfjsModel::set_shard(size_t index, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    TRY_ASSIGN(const std::span<std::byte> room, shard_room(index));
    const size_t count = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), count);
    TRY(shard_filled(index, count));
    bytes = bytes.subspan(count);
  }
  return shard_end(index);
}

Result<std::unique_ptr<TfjsModel>> TfjsModel::parse(std::string_view json) {
  TRY_ASSIGN(std::unique_ptr<JsonDocument> document, JsonDocument::parse(json));
  const Json root = document->root();
  TRY_ASSIGN(const Json topology, root.member("modelTopology"));
  const Json layers = find_layers_model(root);
  if (!layers && !topology["node"])
    return fail(
        ErrorCode::MalformedModel,
        "modelTopology holds neither the nodes of a graph model nor the model_config of a layers model");
  TRY_ASSIGN(Weights weights, Weights::parse(root["weightsManifest"]));
  std::string_view metadata = json_member_text(json, "userDefinedMetadata");
  if (!root["userDefinedMetadata"] || metadata.empty()) metadata = "{}";
  TRY_ASSIGN(Ranges ranges, read_ranges(root["userDefinedMetadata"]));
  auto parts = std::make_unique<Parts>(
      Parts{std::move(document), std::move(weights), std::string(metadata), std::move(ranges), layers});
  return std::unique_ptr<TfjsModel>(new TfjsModel(std::move(parts)));
}

}  // namespace linnet

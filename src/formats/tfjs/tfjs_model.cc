#include "formats/tfjs/tfjs_model.h"

#include <algorithm>
#include <cstring>

#include "formats/tfjs/graph_import.h"
#include "formats/tfjs/json.h"
#include "formats/tfjs/layers_import.h"
#include "formats/tfjs/ranges.h"
#include "formats/tfjs/weights.h"

namespace linnet {

namespace {

class Model final : public TfjsModel {
 public:
  Model(std::unique_ptr<JsonDocument> document, Weights weights, std::string metadata, Ranges ranges)
      : document_(std::move(document)),
        weights_(std::move(weights)),
        metadata_(std::move(metadata)),
        ranges_(std::move(ranges)) {
    layers_ = find_layers_model(document_->root());
  }

  TfjsFormat format() const override { return layers_ ? TfjsFormat::Layers : TfjsFormat::Graph; }
  size_t shard_count() const override { return weights_.shard_count(); }
  std::string_view shard_path(size_t index) const override { return weights_.shard_path(index); }
  Result<std::span<std::byte>> shard_room(size_t index) override { return weights_.shard_room(index); }
  Result<void> shard_filled(size_t index, size_t bytes) override {
    return weights_.shard_filled(index, bytes);
  }
  Result<void> shard_end(size_t index) override { return weights_.shard_end(index); }
  uint64_t weights_bytes() const override { return weights_.bytes(); }
  std::vector<WeightBytes> weights_by_type() const override { return weights_.by_type(); }
  const std::string& metadata_json() const override { return metadata_; }

  Result<Graph> to_graph(const TfjsOptions& options) override {
    TRY(weights_.check_complete());
    auto graph = layers_ ? import_layers_model(layers_, weights_, options)
                         : import_graph_model(document_->root(), weights_, options);
    weights_.release();
    if (graph) graph->ranges = ranges_;
    return graph;
  }

 private:
  std::unique_ptr<JsonDocument> document_;
  Weights weights_;
  std::string metadata_;
  Ranges ranges_;
  Json layers_;
};

}  // namespace

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
  if (!find_layers_model(root) && !topology["node"])
    return fail(
        ErrorCode::MalformedModel,
        "modelTopology holds neither the nodes of a graph model nor the model_config of a layers model");
  TRY_ASSIGN(Weights weights, Weights::parse(root["weightsManifest"]));
  std::string_view metadata = json_member_text(json, "userDefinedMetadata");
  if (!root["userDefinedMetadata"] || metadata.empty()) metadata = "{}";
  TRY_ASSIGN(Ranges ranges, read_ranges(root["userDefinedMetadata"]));
  return std::make_unique<Model>(std::move(document), std::move(weights), std::string(metadata),
                                 std::move(ranges));
}

}  // namespace linnet

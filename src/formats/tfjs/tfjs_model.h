// Reads TensorFlow.js models: graph models and layers (Keras) models, with every quantisation of the weights
// manifest.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/host_memory.h"
#include "graph/graph.h"

namespace linnet {

struct TfjsOptions {
  // What an unknown (-1) leading dimension of an input becomes.
  int batch = 1;
  // Shapes for inputs by name, in place of the model's own; needed where the model leaves another dimension
  // open.
  std::map<std::string, std::vector<int64_t>, std::less<>> input_shapes;
};

enum class TfjsFormat { Graph, Layers };

// Bytes of stored weights by storage type ("float32", "float16", "uint8" ...).
struct WeightBytes {
  std::string type;
  uint64_t bytes;
  uint64_t elements;
};

// A parsed model.json and, as they arrive, its weight shards.
//
//   TRY_ASSIGN(auto model, TfjsModel::parse(json));
//   for each shard i in order: TRY(model->set_shard(i, bytes of model->shard_path(i)));
//   TRY_ASSIGN(Graph graph, model->to_graph({}));
class TfjsModel {
 public:
  // Fails with MalformedJson (line and column), MalformedModel or UnsupportedType.
  static Result<std::unique_ptr<TfjsModel>> parse(std::string_view json);
  ~TfjsModel();

  TfjsFormat format() const;
  // Weight files in manifest order, relative to model.json.
  size_t shard_count() const;
  std::string_view shard_path(size_t index) const;
  // Before the first shard: weights of some size wait in blocks of the host's memory until somebody reads
  // their elements, one weight at a time. For hosts of GPUs, which alone need most of them.
  void keep_outside(HostBlock::Allocate allocate);
  // The shards' bytes, in order, written where the weights will be used or on their way out, so that no file
  // lies in memory whole. `shard_room` is where the next bytes of shard `index` go, at least one; the caller
  // writes there and tells `shard_filled` how many. WrongSize when the manifest's weights are full.
  // `shard_end` ends the shard; with the last one of its group, WrongSize names the files, the bytes and the
  // weight at which they end.
  Result<std::span<std::byte>> shard_room(size_t index);
  Result<void> shard_filled(size_t index, size_t bytes);
  Result<void> shard_end(size_t index);
  // All of shard `index` at once.
  Result<void> set_shard(size_t index, std::span<const std::byte> bytes);
  // The bytes that all shards hold together.
  uint64_t weights_bytes() const;
  std::vector<WeightBytes> weights_by_type() const;
  // `userDefinedMetadata` as JSON text, "{}" where absent.
  const std::string& metadata_json() const;

  // Builds the graph from the topology and all shards, which it lets go, with the ranges in the metadata, if
  // any. Inputs and outputs carry the names of the signature where there is one, else the node's or layer's.
  // Fails with MissingWeight (a shard that has not been set, a weight that the manifest does not list),
  // InvalidArgument (a shape of `options` is needed, or does not fit), MissingNode, Cycle, UnsupportedOp (op
  // and node), TooLarge, or an op's own shape error.
  Result<Graph> to_graph(const TfjsOptions& options);

 private:
  struct Parts;
  explicit TfjsModel(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace linnet

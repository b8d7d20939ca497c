// Writes a graph as a TensorFlow.js graph model that tf.loadGraphModel runs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "graph/graph.h"

namespace linnet {

// How the elements of a constant are stored.
enum class WeightStorage {
  Full,  // as they are
  Half,  // f32 as float16, unless an element is too large for that
  // f32 as symmetric 8-bit codes and one f32 scale for each output channel of the convolution or product that
  // uses it, which a Mul node of the model multiplies.
  Codes,
};

struct TfjsExportOptions {
  // For constants of `graph` with more than one dimension; Full where absent. Codes asks for weights of a
  // conv2d, depthwise_conv2d or matmul; others get Half.
  std::function<WeightStorage(const Graph& graph, ValueId constant)> storage = {};
  // A file of weights is cut where it would become larger.
  uint64_t shard_bytes = 4'000'000;
  // userDefinedMetadata, the text of a JSON object; empty: none.
  std::string metadata = {};
};

struct TfjsFile {
  std::string path;  // relative to model.json
  std::string bytes;
};

struct TfjsExport {
  std::string model_json;
  std::vector<TfjsFile> shards;
};

// The graph's values keep their names, so ranges found by name hold for the model that is read back. An op
// that TensorFlow.js lacks is put together from others. Fails with UnsupportedOp (ops over codes, and rank-6
// corner cases that TensorFlow has no op for), naming the node, or OutOfMemory.
Result<TfjsExport> export_tfjs(const Graph& graph, const TfjsExportOptions& options);

}  // namespace linnet

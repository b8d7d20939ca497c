// Writes models: the graph as a TensorFlow.js graph model in a directory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/tfjs/export.h"

namespace linnet {

struct WrittenModel {
  std::string model_json;  // its path
  uint64_t weights_bytes = 0;
};

// Writes `graph` to `directory`, made where missing. model.json comes last, and until all is written there is
// no model. Fails with InvalidArgument where `directory` is that of the model at `source`, Io, or as
// export_tfjs.
Result<WrittenModel> write_model(const Graph& graph, const TfjsExportOptions& options,
                                 const std::string& source, const std::string& directory);

// `object`, the text of a JSON object, with `value`, a JSON text, as its member `key`; the rest stays as it
// is, to the byte.
std::string with_member(std::string_view object, std::string_view key, std::string_view value);

// How weights of a graph that quantize_model left are stored: as codes, those of layers that stay f32 in 16
// bits.
WeightStorage codes_where_calibrated(const Graph& graph, ValueId constant);

// `metadata`, the text of a model's userDefinedMetadata, with `ranges` in it; the rest stays as it is.
std::string with_ranges(std::string_view metadata, const Ranges& ranges);

}  // namespace linnet

// Writes a model again, with something more in its metadata.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/tfjs/tfjs_model.h"

namespace linnet {

// Copies the model whose model.json lies at `location` (a path or a URL) to `directory`, with `value`, a JSON
// text, as userDefinedMetadata.linnet.`key`. The rest of model.json stays as it is, to the byte. Gives the
// path of the new model.json, which is written last: without it there is no model. Fails with Io, or
// InvalidArgument where the model itself lies there.
Result<std::string> copy_model(const std::string& location, const TfjsModel& model, std::string_view key,
                               std::string_view value, const std::string& directory);

// Fails with InvalidArgument where the model at `location` itself lies in `directory`.
Result<void> expect_elsewhere(const std::string& location, const std::string& directory);

// Makes `directory` and copies the model's weight files there, under their names.
Result<void> copy_weights(const std::string& location, const TfjsModel& model, const std::string& directory);

}  // namespace linnet

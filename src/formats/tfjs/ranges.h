// The ranges of a model's values, as calibration leaves them in model.json.
#pragma once

#include "formats/tfjs/json.h"
#include "graph/ranges.h"

namespace linnet {

// Reads userDefinedMetadata.linnet.ranges, {"value": [low, high], ...}; nothing where it is absent. Fails
// with MalformedModel for a range that is not two finite numbers in order.
Result<Ranges> read_ranges(Json metadata);

}  // namespace linnet

// What --input says: which file or random numbers feed each input of a model.
#pragma once

#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "runtime/session.h"

namespace linnet {

// The inputs' values, in the order of the session's and kept apart from its arena: a run overwrites what it
// has read. Each flag is FILE, a .npy file or raw elements, or random[:SEED], or either after NAME=. `random`
// without a name feeds all inputs that no flag names. Fails with InvalidArgument for flags that name no
// input, or leave one without values; as read_location and fill_from_bytes do, naming the file.
Result<std::vector<Buffer>> read_inputs(const std::vector<std::string>& flags, Session& session);

}  // namespace linnet

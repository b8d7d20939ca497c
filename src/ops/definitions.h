// The definitions that op_def() looks up; each is in its op's own file.
#pragma once

#include "graph/op_def.h"

namespace linnet {

#define LINNET_OP(name) extern const OpDef k_##name;
#include "graph/ops.def"
#undef LINNET_OP

}  // namespace linnet

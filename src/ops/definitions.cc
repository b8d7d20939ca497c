#include "ops/definitions.h"

namespace linnet {

const OpDef& op_def(Op op) {
  static constexpr const OpDef* kDefinitions[] = {
#define LINNET_OP(name) &k_##name,
#include "graph/ops.def"
#undef LINNET_OP
  };
  return *kDefinitions[static_cast<size_t>(op)];
}

}  // namespace linnet

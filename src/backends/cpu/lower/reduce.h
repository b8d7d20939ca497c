// One reduction step, as pools and reductions make it.
#pragma once

#include "backends/cpu/lower.h"

namespace linnet::cpu {

// The mean of the node's input over all axes between the first and the last.
void emit_global_mean(Lowering& lowering, const Node& node);

}  // namespace linnet::cpu

// Blocks of the host's memory by the functions that the module imports.
#pragma once

#include "base/host_memory.h"

namespace linnet::abi {

// Null in variants with threads: they serve no GPU, and their helpers' instances would have to import as
// much.
HostBlock::Allocate host_blocks();

}  // namespace linnet::abi

// Runs an elementwise program over rows of elements, a tile at a time: each instruction goes once over the
// tile, so that its dispatch costs nothing beside its work.
#pragma once

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"
#include "graph/expr.h"

namespace linnet::cpu {

// Elements of a tile; a register of the program holds one tile.
inline constexpr uint32_t kTileElements = 256;

// Scratch that a program of so many operands and instructions needs, in bytes.
constexpr uint64_t program_scratch_bytes(uint64_t operands, uint64_t instructions) {
  return (operands + instructions) * kTileElements * sizeof(float);
}

// Evaluates the program at `words` for `rows` into `out`: row rows.begin at out, rows `columns` apart. `raw`
// stands for operands without a ref, and lies as `out` does.
void run_program(const Memory& memory, const uint32_t* words, Range rows, float* out, const float* raw,
                 std::byte* scratch);

}  // namespace linnet::cpu

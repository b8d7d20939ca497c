// Products of matrices that are both computed: the right one is packed as weights are, into the thread's
// scratch.
#include <algorithm>

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"
#include "simd/simd.h"

namespace linnet::cpu {

namespace {

using simd::kTileColumns;

// Panels of kTileColumns columns, [panel][row][column], zero-filled at the end.
void pack(const float* b, float* out, uint32_t depth, uint32_t columns, bool transposed) {
  for (uint32_t column = 0; column < columns; column += kTileColumns) {
    const uint32_t count = std::min<uint32_t>(kTileColumns, columns - column);
    for (uint32_t k = 0; k < depth; ++k, out += kTileColumns) {
      std::memset(out, 0, kTileColumns * sizeof(float));
      if (!transposed) {
        std::memcpy(out, b + static_cast<size_t>(k) * columns + column, count * sizeof(float));
        continue;
      }
      for (uint32_t i = 0; i < count; ++i) out[i] = b[static_cast<size_t>(column + i) * depth + k];
    }
  }
}

}  // namespace

void batch_matmul(const Memory& memory, const uint32_t* words, Range range, std::byte* scratch) {
  const auto p = read_params<BatchMatmulParams>(words);
  auto product = read_params<GemmParams>(words);
  const uint32_t rows = product.in_w, depth = product.channels, columns = product.out_channels;
  Memory inside = memory;
  inside.scratch = scratch;
  product.weights = Ref::scratch(0);
  for (uint32_t n = range.begin; n < range.end; ++n) {
    const uint32_t a_matrix = words[2 * n], b_matrix = words[2 * n + 1];
    if (n == range.begin || b_matrix != words[2 * n - 1])
      pack(memory.at<float>(p.b) + static_cast<size_t>(b_matrix) * depth * columns,
           reinterpret_cast<float*>(scratch), depth, columns, p.transpose_b != 0);
    product.x = Ref::arena(p.a.offset() + uint64_t{a_matrix} * rows * depth * sizeof(float));
    product.out = Ref::arena(p.out.offset() + uint64_t{n} * rows * columns * sizeof(float));
    uint32_t own[sizeof product / sizeof(uint32_t)];
    std::memcpy(own, &product, sizeof product);
    gemm(inside, own, {0, p.units}, scratch + p.packed_bytes);
  }
}

}  // namespace linnet::cpu

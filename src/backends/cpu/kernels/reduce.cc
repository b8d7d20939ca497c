#include <algorithm>
#include <limits>

#include "backends/cpu/kernel.h"
#include "backends/cpu/params.h"
#include "simd/simd.h"

namespace linnet::cpu {

namespace {

using simd::kWidth;
using simd::V;

// Joins two partial results. Sums, which most reductions are, have loops of their own.
template <bool kIsSum>
V join(Reduction reduction, V a, V b) {
  if (kIsSum) return a + b;
  if (reduction == Reduction::Product) return a * b;
  return reduction == Reduction::Max ? simd::max(a, b) : simd::min(a, b);
}

float start_of(Reduction reduction) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (reduction == Reduction::Sum) return 0;
  if (reduction == Reduction::Product) return 1;
  return reduction == Reduction::Max ? -kInfinity : kInfinity;
}

// Runs of this many are joined first: that keeps the rounding of long sums small.
constexpr uint32_t kRun = 32;

// `lanes` neighbours of the result: each of `count` elements, `stride` apart.
template <bool kIsSum>
[[gnu::noinline]] V reduce_columns(Reduction reduction, const float* x, uint32_t count, uint32_t stride,
                                   int lanes) {
  const V start = simd::splat(start_of(reduction));
  V total = start;
  for (uint32_t r = 0; r < count; r += kRun) {
    V run = start;
    const uint32_t end = std::min(r + kRun, count);
    if (lanes == kWidth) {
#pragma clang loop unroll(disable)
      for (uint32_t i = r; i < end; ++i, x += stride) run = join<kIsSum>(reduction, run, simd::load(x));
    } else {
#pragma clang loop unroll(disable)
      for (uint32_t i = r; i < end; ++i, x += stride)
        run = join<kIsSum>(reduction, run, simd::load_partial(x, lanes));
    }
    total = join<kIsSum>(reduction, total, run);
  }
  return total;
}

// `count` neighbours in memory.
template <bool kIsSum>
float reduce_row(Reduction reduction, const float* x, uint32_t count) {
  const uint32_t whole = count / kWidth, rest = count % kWidth;
  const V total = reduce_columns<kIsSum>(reduction, x, whole, kWidth, kWidth);
  V lanes = reduce_columns<kIsSum>(reduction, x + whole * kWidth, rest, 1, 1);
#pragma clang loop unroll(disable)
  for (int i = 0; i < kWidth; ++i) lanes = join<kIsSum>(reduction, lanes, simd::splat(total[i]));
  return lanes[0];
}

template <bool kIsSum>
void reduce_units(const ReduceParams& p, const float* x, float* out, Range range) {
  const uint32_t blocks = reduce_blocks(p.inner, kWidth);
  for (uint32_t unit = range.begin; unit < range.end; ++unit) {
    if (p.inner == 1) {
      out[unit] =
          reduce_row<kIsSum>(p.reduction, x + static_cast<size_t>(unit) * p.count, p.count) / p.divisor;
      continue;
    }
    const uint32_t o = unit / blocks, i = unit % blocks * kWidth;
    const int lanes = static_cast<int>(std::min<uint32_t>(kWidth, p.inner - i));
    const V value = reduce_columns<kIsSum>(p.reduction, x + static_cast<size_t>(o) * p.count * p.inner + i,
                                           p.count, p.inner, lanes);
    simd::store_partial(out + static_cast<size_t>(o) * p.inner + i, value / simd::splat(p.divisor), lanes);
  }
}

}  // namespace

void reduce(const Memory& memory, const uint32_t* words, Range range, std::byte*) {
  const auto p = read_params<ReduceParams>(words);
  const float* x = memory.at<float>(p.x);
  float* out = memory.at<float>(p.out);
  if (p.reduction == Reduction::Sum)
    reduce_units<true>(p, x, out, range);
  else
    reduce_units<false>(p, x, out, range);
}

}  // namespace linnet::cpu

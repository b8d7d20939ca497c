// The most that one core of this machine does inside WebAssembly: the measure of every kernel.
#include <cstdint>

#include "bench/peaks.h"

namespace linnet {
namespace {

volatile float float_sink;
volatile int32_t integer_sink;

}  // namespace

// Fused multiply-adds, `rounds` times kPeakSums of them. Gives the operations done.
extern "C" [[clang::export_name("fma_peak")]] double fma_peak(int32_t rounds) {
  float_sink = fma_rounds(rounds, float_sink);
  return fma_operations(rounds);
}

// Dot products, likewise.
extern "C" [[clang::export_name("dot_peak")]] double dot_peak(int32_t rounds) {
  integer_sink = dot_rounds(rounds, integer_sink);
  return dot_operations(rounds);
}

}  // namespace linnet

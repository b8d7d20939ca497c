// The contract of every CPU kernel.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/range.h"
#include "plan/plan.h"

namespace linnet::cpu {

// Where a plan's refs point during one run.
struct Memory {
  std::byte* arena;
  const Buffer* weights;
  const Plan* plan;
  std::byte* scratch = nullptr;  // what refs to scratch are relative to: set within a chain

  template <class T>
  T* at(Ref ref) const {
    std::byte* place = ref.in_weights() ? const_cast<std::byte*>(weights[ref.number()].data())
                                        : (ref.in_scratch() ? scratch : arena) + ref.offset();
    return reinterpret_cast<T*>(place);
  }
};

// Computes units [range.begin, range.end) of a step. `scratch` is this thread's own. Allocates nothing, keeps
// nothing.
using Kernel = void (*)(const Memory& memory, const uint32_t* parameters, Range range, std::byte* scratch);

// The kernel of a step.
Kernel kernel_of(PlanOp op);

// Reads a parameter struct off the words.
template <class T>
T read_params(const uint32_t*& words) {
  static_assert(sizeof(T) % sizeof(uint32_t) == 0);
  T params;
  std::memcpy(&params, words, sizeof params);
  words += sizeof(T) / sizeof(uint32_t);
  return params;
}

void gemm(const Memory&, const uint32_t*, Range, std::byte*);
void batch_matmul(const Memory&, const uint32_t*, Range, std::byte*);
void quantized_gemm(const Memory&, const uint32_t*, Range, std::byte*);
void depthwise(const Memory&, const uint32_t*, Range, std::byte*);
void dynamic_gemm(const Memory&, const uint32_t*, Range, std::byte*);
void quantized_depthwise(const Memory&, const uint32_t*, Range, std::byte*);
void quantize(const Memory&, const uint32_t*, Range, std::byte*);
void dequantize(const Memory&, const uint32_t*, Range, std::byte*);
void quantized_add(const Memory&, const uint32_t*, Range, std::byte*);
void lookup(const Memory&, const uint32_t*, Range, std::byte*);
void quantized_pool(const Memory&, const uint32_t*, Range, std::byte*);
void quantized_resize(const Memory&, const uint32_t*, Range, std::byte*);
void pool(const Memory&, const uint32_t*, Range, std::byte*);
void elementwise(const Memory&, const uint32_t*, Range, std::byte*);
void reduce(const Memory&, const uint32_t*, Range, std::byte*);
void softmax(const Memory&, const uint32_t*, Range, std::byte*);
void layer_norm(const Memory&, const uint32_t*, Range, std::byte*);
void resize_bilinear(const Memory&, const uint32_t*, Range, std::byte*);
void strided_copy(const Memory&, const uint32_t*, Range, std::byte*);
void pad_constant(const Memory&, const uint32_t*, Range, std::byte*);
void row_chain(const Memory&, const uint32_t*, Range, std::byte*);
void reference(const Memory&, const uint32_t*, Range, std::byte*);

}  // namespace linnet::cpu

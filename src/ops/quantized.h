// What the ops over 7-bit codes share.
#pragma once

#include "graph/quantization.h"
#include "ops/window.h"

namespace linnet {

// The code that stands for 0, of the first operand and of the result, and the codes that the result may take.
inline constexpr AttrDef kInputZeroAttr{Attr::input_zero, AttrType::Int};
inline constexpr AttrDef kZeroAttr{Attr::zero, AttrType::Int};
inline constexpr AttrDef kLowAttr{Attr::low, AttrType::Int};
inline constexpr AttrDef kHighAttr{Attr::high, AttrType::Int};
inline constexpr AttrDef kScaleAttr{Attr::scale, AttrType::Float, true};

// {zero, low, high} with their defaults 0, 0 and kMaxCode.
CodeRange code_range(const Attrs& attrs);
// {scale, zero}, with the default 0 for the latter.
Quantization quantization_of(const Attrs& attrs);
// Fails unless these attributes, where present, are codes, low <= high, and scales finite and not 0.
Result<void> expect_codes(const Attrs& attrs);
// Fails where sums of `depth` products do not fit 32 bits.
Result<void> expect_depth(int64_t depth);
// Fails unless operands 2 and 3 are bias i32[channels] and multiplier f32[channels], and sums of `depth`
// products fit 32 bits.
Result<void> expect_requantisation(const InferContext& context, int32_t channels, int64_t depth);

}  // namespace linnet

// The parameters of each step of a CPU plan. Flat words: no pointers, so that a plan can be dumped and
// checked.
#pragma once

#include <cstdint>

#include "plan/plan.h"

namespace linnet::cpu {

// Images [batch, h, w, c] are rows of w * c elements. `x_rows` and `out_rows` say how many of them lie in
// memory: all, batch * h, or those last used of a step that runs together with its neighbours; row r of the
// batch is at r modulo that.

// The output pixels that a gemm computes and the input pixels that each of them reads: convolution by
// indirection (Dukhan 2019) and, with one tap, matrix multiplication.
struct GemmGrid {
  Ref x;        // [batch, in_h, in_w, channels]
  Ref out;      // [batch, out_h, out_w, out_channels], of x's type
  Ref padding;  // what taps outside the input read: `channels` times what stands for 0, or with merge_x
                // kernel_x times as many
  uint32_t batch, in_h, in_w, channels;
  uint32_t out_h, out_w, out_channels;
  uint32_t x_rows, out_rows;
  uint32_t grid_h, grid_w;                // output pixels that this step computes
  uint32_t grid_stride_y, grid_stride_x;  // from one to the next in the output, and the first one
  uint32_t grid_y, grid_x;
  uint32_t kernel_y, kernel_x, stride_y, stride_x, dilation_y, dilation_x;
  int32_t pad_top, pad_left;
  uint32_t merge_x;     // 1: a row of the window is one tap of kernel_x * channels, as it lies in memory
  uint32_t block_rows;  // output pixels that share one table of pointers
  uint32_t unit_rows;   // output pixels of a unit
  // Columns of a unit, whole panels: all of them, or fewer where there are not enough rows for all threads.
  uint32_t block_columns;
};

constexpr uint32_t gemm_taps(const GemmGrid& p) {
  return p.merge_x != 0 ? p.kernel_y : p.kernel_y * p.kernel_x;
}
constexpr uint32_t gemm_channels(const GemmGrid& p) {
  return p.merge_x != 0 ? p.kernel_x * p.channels : p.channels;
}

// The scratch of a grid's table of pointers, as offsets: pointers to pixels come first, then these.
struct GridScratch {
  uint64_t targets;  // pointers to output pixels
  uint64_t edges;    // rows of windows that reach over the input's edge, with merge_x
  uint64_t end;
};
constexpr GridScratch grid_scratch(const GemmGrid& p, size_t element_bytes) {
  const uint64_t rows = p.block_rows;
  GridScratch layout{};
  layout.targets = align_up(rows * gemm_taps(p) * sizeof(void*), kTensorAlignment);
  layout.edges = layout.targets + align_up(rows * sizeof(void*), kTensorAlignment);
  const uint64_t edges = p.merge_x != 0 ? rows * gemm_taps(p) * gemm_channels(p) : 0;
  layout.end = layout.edges + align_up(edges * element_bytes + kReadSlack, kTensorAlignment);
  return layout;
}

// out[r, o] = clamp(sum over taps t and channels c of x[pixel(r, t), c] * w[t, c, o] + bias[o]), for the
// output pixels r of the grid.
struct GemmParams : GemmGrid {
  Ref weights;  // panels of kTileColumns outputs: [panel][tap][channel][column], zero-filled at the end
  Ref bias;     // one for each column of the panels
  float low, high;
  uint32_t has_epilogue;  // an elementwise program follows, over `block_rows` rows of raw results in scratch
};

// A gemm's scratch after its grid's.
struct GemmScratch {
  uint64_t raw;        // raw results, with has_epilogue
  uint64_t registers;  // the program's
};
constexpr GemmScratch gemm_scratch(const GemmParams& p) {
  GemmScratch layout{};
  layout.raw = grid_scratch(p, sizeof(float)).end;
  const uint64_t raw_floats = p.has_epilogue != 0 ? uint64_t{p.block_rows} * p.out_channels : 0;
  layout.registers = layout.raw + align_up(raw_floats * sizeof(float), kTensorAlignment);
  return layout;
}

// out[n] = a[index] * b[index] for each matrix n of the result, a unit. In words: BatchMatmulParams, the
// GemmParams of one product, and for each n the numbers of the two matrices. All lie in the arena.
struct BatchMatmulParams {
  Ref a, b, out;
  uint32_t units;         // of one product
  uint32_t packed_bytes;  // of scratch hold the packed matrix; the gemm's own scratch comes after
  uint32_t transpose_b;
};

// How a sum of products of codes becomes a code: times the channel's multiplier, plus the residual, if any,
// rounded, within [low, high] as the result's zero point counts.
struct Requantisation {
  Ref multiplier;  // f32, one for each column of the panels; none: the result is the sums themselves, i32
  Ref residual;    // codes, shaped as the result; or none
  int32_t residual_zero;
  float residual_scale;
  int32_t zero, low, high;
  uint32_t is_f32;  // 1: the result has 32 bits, the product with the multiplier as f32, and no code
};

// As a gemm, over codes: weights are i8 in panels of kDotTileColumns outputs, [panel][tap][group of kDotDepth
// channels][column][channel], zero-filled; the i32 bias holds -input_zero * the sum of the column's weights.
struct QuantizedGemmParams : GemmGrid {
  Ref weights;
  Ref bias;  // one for each column of the panels
  Requantisation requantisation;
};

// Rows of f32 become codes, each for its own range, and their products with weights f32 again: a
// QuantizedGemm between two loops over rows. In words: DynamicGemmParams, and the QuantizedGemmParams of the
// product, whose rows are lines of one pixel, whose x is scratch that holds a block of them, and whose
// results are the sums alone.
struct DynamicGemmParams {
  Ref x;
  Ref column_sums;  // i32, of each column's weights; these and the next two for each column of the panels
  Ref scale, bias;
  float low, high;
};

// A DynamicGemm's scratch after the codes.
struct DynamicScratch {
  uint64_t rows;  // scale and zero point of each row of the block
  uint64_t grid;  // the product's
  uint64_t end;
};
constexpr DynamicScratch dynamic_scratch(const GemmGrid& p) {
  DynamicScratch layout{};
  layout.rows = align_up(uint64_t{p.block_rows} * p.channels + kReadSlack, kTensorAlignment);
  layout.grid =
      layout.rows + align_up(uint64_t{p.block_rows} * (sizeof(float) + sizeof(int32_t)), kTensorAlignment);
  layout.end = layout.grid + grid_scratch(p, sizeof(int8_t)).end;
  return layout;
}

struct DepthwiseParams {
  Ref x;        // [batch, in_h, in_w, channels]
  Ref weights;  // [tap][channel], channels filled up to whole vectors
  Ref bias;     // [channel]
  Ref out;      // [batch, out_h, out_w, channels]
  Ref zeros;    // `channels` zeros: what taps outside the input read
  uint32_t batch, in_h, in_w, channels, out_h, out_w;
  uint32_t x_rows, out_rows;
  uint32_t kernel_y, kernel_x, stride_y, stride_x, dilation_y, dilation_x;
  int32_t pad_top, pad_left;
  float low, high;
  uint32_t has_epilogue;  // an elementwise program follows, over one row of raw results in scratch
};

// The taps of a column of a square window that has a kernel of its own: of whole groups, the last ones count
// nothing.
constexpr uint32_t column_taps(uint32_t kernel) {
  return kernel == 3 ? 4 : 8;
}

// As a depthwise convolution, over codes. Taps go column by column, `column_taps` to each; weights are i8,
// [block of channels][group of taps][channel][tap], zero-filled; the bias is as a QuantizedGemm's.
struct QuantizedDepthwiseParams {
  Ref x, out, weights, bias;
  Ref padding;  // `channels` times what stands for 0: what taps outside the input read
  uint32_t batch, in_h, in_w, channels, out_h, out_w;
  uint32_t kernel_y, kernel_x, stride_y, stride_x, dilation_y, dilation_x;
  int32_t pad_top, pad_left;
  uint32_t column_taps;
  Requantisation requantisation;
};

// Groups of `depth` taps, the last one filled up.
constexpr uint32_t depthwise_groups(const QuantizedDepthwiseParams& p, uint32_t depth) {
  return (p.kernel_x * p.column_taps + depth - 1) / depth;
}

struct PoolParams {
  Ref x, out;
  uint32_t batch, in_h, in_w, channels, out_h, out_w;
  uint32_t kernel_y, kernel_x, stride_y, stride_x;
  int32_t pad_top, pad_left;
  uint32_t is_max;
};

// An elementwise program, in words:
//   ProgramHeader, operands (ProgramOperand each), instructions (ProgramInstruction each)
// over elements seen as rows x columns; operand element (r, c) is at
// r / row_divisor % row_modulus * row_stride + c * column_stride.
struct ProgramHeader {
  uint32_t operands;
  uint32_t instructions;
  uint32_t columns;
  uint32_t first_register;  // operands come first, then one register for each instruction
};
struct ProgramOperand {
  Ref ref;  // none: the raw result of the op that the program is the epilogue of
  uint32_t row_stride, column_stride;
  uint32_t row_divisor, row_modulus;  // 1 and 0 (none) where each row has its own, or all the same
};
struct ProgramInstruction {
  uint8_t op;  // ExprOp
  uint8_t operands[3];
  float value;
};

// Rows of `columns` elements, by a program, into `out`.
struct ElementwiseParams {
  Ref out;
  uint32_t rows;
};

enum class Reduction : uint32_t { Sum, Max, Min, Product };

// out[o, i] = x[o, r, i] reduced over r, over `divisor`. A unit is a vector of neighbours of the result, or
// with inner = 1 one element.
struct ReduceParams {
  Ref x, out;
  uint32_t outer, count, inner;
  Reduction reduction;
  float divisor;
};
constexpr uint32_t reduce_blocks(uint32_t inner, uint32_t width) {
  return (inner + width - 1) / width;
}

struct SoftmaxParams {
  Ref x, out;
  uint32_t rows, columns;
};

// Rows of x, normalised. A unit is a row.
struct LayerNormParams {
  Ref x, gamma, beta, out;
  uint32_t columns;
  uint32_t centre;  // 1: the mean is subtracted
  float epsilon;
};

struct ResizeParams {
  Ref x, out;
  Ref taps_y, taps_x;  // ResizeTap of each output row and column
  uint32_t batch, in_h, in_w, channels, out_h, out_w;
};

// Maps of elements from or to codes, in units of so many.
inline constexpr uint32_t kCodeMapUnit = 4096;

// Quantize: the code of x * x_scale. Dequantize: (x - x_zero) * x_scale. QuantizedAdd: the code of that plus
// the same of `other`. Lookup: other[x].
struct CodeMapParams {
  Ref x, other, out;
  uint32_t elements;
  int32_t x_zero, other_zero;
  float x_scale, other_scale;
  int32_t zero, low, high;  // of the result
};

// Copies elements of `element_bytes` from one place in memory to another, by up to kMaxRank axes. Strides and
// begins are in bytes. A unit is a run along the last axis.
struct StridedCopyParams {
  Ref x, out;
  uint32_t x_begin, out_begin;
  uint32_t element_bytes, rank;
  uint32_t dims[Shape::kMaxRank];
  int32_t x_strides[Shape::kMaxRank];
  uint32_t out_strides[Shape::kMaxRank];
};

// Constant padding of up to four axes, in elements of 4 bytes.
struct PadParams {
  Ref x, out;
  uint32_t in[4], out_dims[4], before[4];
  uint32_t value;  // its bits
};

// More steps than this do not run as one chain.
inline constexpr uint32_t kMostChainStages = 8;

// Steps that run together, a few rows of the last one's result at a time: what one hands to the next lies in
// the thread's scratch, as many rows of it as the next one needs. In words:
//   RowChainParams, and for each step RowStage and its own parameters
// The units of the chain and of all its steps are rows of images.
struct RowChainParams {
  uint32_t stages;
  uint32_t group_rows;  // of the last result, computed at a time
  uint32_t held_bytes;  // of scratch hold what goes from step to step; the steps' own scratch comes after
};
struct RowStage {
  uint32_t op;           // PlanOp
  uint32_t words;        // of its parameters
  uint32_t in_h, out_h;  // rows of its images
  uint32_t stride,
      extent;  // rows of the input that row y of the result needs: `extent` from y * stride - pad
  int32_t pad;
};

// A node of more operands and results than this cannot run by its reference kernel.
inline constexpr uint32_t kMaxReferenceTensors = 64;

// A node run by its reference kernel: Plan::reference_nodes[node], its tensors after this.
struct ReferenceParams {
  uint32_t node, inputs, outputs;
};
struct ReferenceTensor {
  Ref ref;
  uint32_t dtype, rank;
  int32_t dims[Shape::kMaxRank];
};

}  // namespace linnet::cpu

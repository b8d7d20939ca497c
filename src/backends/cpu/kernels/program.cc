#include "backends/cpu/kernels/program.h"

#include <algorithm>

#include "simd/math.h"

namespace linnet::cpu {

namespace {

using simd::V;

// One operand of an instruction over a tile: vectors `step` floats apart; 0 repeats one vector.
struct Source {
  const float* data;
  uint32_t step;
};

struct Apply {
  float* out;
  uint32_t vectors;

  template <class Body>
  void operator()(const Source* s, Body body) const {
    const float *x = s[0].data, *y = s[1].data, *z = s[2].data;
    for (uint32_t i = 0; i < vectors; ++i) {
      simd::store(out + i * simd::kWidth, body(simd::load(x), simd::load(y), simd::load(z)));
      x += s[0].step;
      y += s[1].step;
      z += s[2].step;
    }
  }
};

void apply(ExprOp op, const Source* sources, float* out, uint32_t vectors) {
  constexpr simd::VectorAlgebra m;
  const Apply each{out, vectors};
  switch (op) {
    case ExprOp::Input:
    case ExprOp::Constant:
      break;
#define LINNET_EXPR(name, arity, type_rule, low, high, body)                              \
  case ExprOp::name:                                                                      \
    each(sources, [m]([[maybe_unused]] V x, [[maybe_unused]] V y, [[maybe_unused]] V z) { \
      (void)m;                                                                            \
      return body;                                                                        \
    });                                                                                   \
    break;
#include "graph/expr_ops.def"
#undef LINNET_EXPR
  }
}

// What does not change from tile to tile.
class Program {
 public:
  Program(const Memory& memory, const uint32_t* words, std::byte* scratch) {
    header_ = read_params<ProgramHeader>(words);
    operands_ = words;
    instructions_ = words + header_.operands * (sizeof(ProgramOperand) / sizeof(uint32_t));
    registers_ = reinterpret_cast<float*>(scratch);
    for (uint32_t i = 0; i < header_.operands; ++i) {
      const uint32_t* at = operands_ + i * (sizeof(ProgramOperand) / sizeof(uint32_t));
      operand_[i] = read_params<ProgramOperand>(at);
      base_[i] = operand_[i].ref.is_none() ? nullptr : memory.at<float>(operand_[i].ref);
    }
    // Several short rows make one tile, as long as every operand is dense or the same for all rows.
    rows_per_tile_ = std::max<uint32_t>(1, kTileElements / std::max<uint32_t>(header_.columns, 1));
    prepare_repeated();
  }

  uint32_t columns() const { return header_.columns; }
  uint32_t rows_per_tile() const { return rows_per_tile_; }

  // `count` elements from column `column` of row `row`: part of it, or `rows` whole rows.
  void run_tile(uint32_t row, uint32_t rows, uint32_t column, uint32_t count, float* out, const float* raw) {
    const uint32_t vectors = count / simd::kWidth, tail = count % simd::kWidth;
    Source sources[Expr::kMaxInputs + Expr::kMaxInstructions];
    for (uint32_t i = 0; i < header_.operands; ++i) sources[i] = operand_source(i, row, rows, column, raw);
    if (vectors > 0) evaluate(sources, vectors, out);
    if (tail == 0) return;
    // The last elements do not fill a vector: copy them where reading past them is harmless.
    for (uint32_t i = 0; i < header_.operands; ++i) {
      if (sources[i].step == 0) continue;
      float* padded = registers_ + i * kTileElements;
      const float* from = sources[i].data + vectors * simd::kWidth;
      if (from >= padded && from < padded + kTileElements) {
        sources[i].data = from;
        continue;
      }
      simd::store(padded, simd::load_partial(from, static_cast<int>(tail)));
      sources[i].data = padded;
    }
    alignas(64) float result[simd::kWidth];
    evaluate(sources, 1, result);
    std::memcpy(out + vectors * simd::kWidth, result, tail * sizeof(float));
  }

 private:
  // Operands that repeat from row to row (or are one number) are laid out once for a whole tile.
  void prepare_repeated() {
    for (uint32_t i = 0; i < header_.operands; ++i) {
      const ProgramOperand& operand = operand_[i];
      float* tile = registers_ + i * kTileElements;
      repeated_[i] = base_[i] != nullptr && operand.row_stride == 0 &&
                     (operand.column_stride == 0 || rows_per_tile_ > 1);
      if (!repeated_[i]) continue;
      if (operand.column_stride == 0) {
        simd::store(tile, simd::splat(base_[i][0]));
        continue;
      }
      for (uint32_t r = 0; r < rows_per_tile_; ++r)
        std::memcpy(tile + r * header_.columns, base_[i], header_.columns * sizeof(float));
    }
  }

  Source operand_source(uint32_t i, uint32_t row, uint32_t rows, uint32_t column, const float* raw) {
    const ProgramOperand& operand = operand_[i];
    float* tile = registers_ + i * kTileElements;
    if (repeated_[i]) return {tile, operand.column_stride == 0 ? 0u : static_cast<uint32_t>(simd::kWidth)};
    if (base_[i] == nullptr) return {raw + column, simd::kWidth};
    const auto row_at = [&](uint32_t r) {
      if (operand.row_divisor > 1) r /= operand.row_divisor;
      if (operand.row_modulus > 0) r %= operand.row_modulus;
      return base_[i] + static_cast<size_t>(r) * operand.row_stride;
    };
    const bool follows = operand.row_divisor == 1 && operand.row_modulus == 0;
    if (operand.column_stride != 0 && (follows || rows_per_tile_ == 1))
      return {row_at(row) + column, simd::kWidth};
    // One number a row.
    if (rows_per_tile_ == 1) {
      simd::store(tile, simd::splat(row_at(row)[0]));
      return {tile, 0};
    }
    for (uint32_t r = 0; r < rows; ++r) {
      const float* at = row_at(row + r);
      for (uint32_t c = 0; c < header_.columns; ++c)
        tile[r * header_.columns + c] = at[static_cast<size_t>(c) * operand.column_stride];
    }
    return {tile, simd::kWidth};
  }

  void evaluate(Source* sources, uint32_t vectors, float* out) {
    const uint32_t* at = instructions_;
    for (uint32_t k = 0; k < header_.instructions; ++k) {
      const ProgramInstruction instruction = read_params<ProgramInstruction>(at);
      const uint32_t slot = header_.operands + k;
      float* tile = registers_ + slot * kTileElements;
      if (static_cast<ExprOp>(instruction.op) == ExprOp::Constant) {
        simd::store(tile, simd::splat(instruction.value));
        sources[slot] = {tile, 0};
        if (k + 1 == header_.instructions)
          for (uint32_t i = 0; i < vectors; ++i) simd::store(out + i * simd::kWidth, simd::load(tile));
        continue;
      }
      const Source operands[3] = {sources[instruction.operands[0]], sources[instruction.operands[1]],
                                  sources[instruction.operands[2]]};
      float* result = k + 1 == header_.instructions ? out : tile;
      apply(static_cast<ExprOp>(instruction.op), operands, result, vectors);
      sources[slot] = {tile, simd::kWidth};
    }
  }

  ProgramHeader header_;
  const uint32_t* operands_;
  const uint32_t* instructions_;
  float* registers_;
  uint32_t rows_per_tile_;
  ProgramOperand operand_[Expr::kMaxInputs];
  const float* base_[Expr::kMaxInputs];
  bool repeated_[Expr::kMaxInputs];
};

}  // namespace

void run_program(const Memory& memory, const uint32_t* words, Range rows, float* out, const float* raw,
                 std::byte* scratch) {
  Program program(memory, words, scratch);
  const uint32_t columns = program.columns();
  for (uint32_t row = rows.begin; row < rows.end;) {
    const size_t at = static_cast<size_t>(row - rows.begin) * columns;
    float* to = out + at;
    const float* from = raw != nullptr ? raw + at : nullptr;
    const uint32_t count = std::min(program.rows_per_tile(), rows.end - row);
    if (program.rows_per_tile() > 1) {
      program.run_tile(row, count, 0, count * columns, to, from);
    } else {
      for (uint32_t column = 0; column < columns; column += kTileElements)
        program.run_tile(row, 1, column, std::min(kTileElements, columns - column), to + column, from);
    }
    row += count;
  }
}

void elementwise(const Memory& memory, const uint32_t* words, Range range, std::byte* scratch) {
  const auto params = read_params<ElementwiseParams>(words);
  const uint32_t* at = words;
  const size_t columns = read_params<ProgramHeader>(at).columns;
  run_program(memory, words, range, memory.at<float>(params.out) + range.begin * columns, nullptr, scratch);
}

}  // namespace linnet::cpu

// A kernel in the making: shader text in the shaders' dialect (shader_text.h), the tensors that it reads, and
// its parameters. A backend puts the language's own parts around it.
#pragma once

#include <bit>
#include <string>
#include <string_view>
#include <vector>

#include "backends/gpu/expr_text.h"
#include "backends/gpu/index_map.h"
#include "backends/gpu/text.h"
#include "graph/expr.h"
#include "plan/plan.h"

namespace linnet::gpu {

struct Param {
  enum class Type : uint8_t { U32, I32, F32 };
  std::string name;
  Type type;
  uint32_t bits;
};

// A tensor as a kernel meets it: where it lies, and the type in which it is stored.
struct Operand {
  Ref ref;
  DType dtype;
};

// Kernels compute on i32 tensors with whole numbers, and on all others with f32; truth values are 0 and 1.
inline bool is_whole(DType dtype) {
  return dtype == DType::I32;
}

// A flat kernel defines
//   @fn T4 kernel(u32 e)
// which gives elements e ... e + 3 of its result, e a multiple of 4, elements past the end being ignored. T
// and T4 are f32 and vec4f, or i32 and vec4i where the result is i32. The kernel reads input k as
// at_k(element) or at4_k(element), the four from a multiple of 4, which have the type that belongs to the
// input, and parameters as P.name.
class Kernel {
 public:
  std::string text;
  std::vector<Operand> inputs;
  std::vector<Param> params;

  // Gives the input's number k.
  int input(Operand operand);
  // Declares P.name, the name being a pattern for text_of.
  void param(const char* name, uint32_t value, Pieces pieces = {});
  void param_i32(const char* name, int32_t value, Pieces pieces = {});
  void param_f32(const char* name, float value, Pieces pieces = {});

  // The text of elements e ... e + 3 of what `map` finds in input k. `e` is a name or a short text.
  std::string fours(int k, const IndexMap& map, const char* e);
  // The same as an operand of an expression.
  ExprText operand(int k, const IndexMap& map, const char* e);
  // The text of the element that `map` meets at element `e`.
  std::string index(const IndexMap& map, const char* e);
  // Statements for `expr` over `operands`, appended to `body`; gives its value. Its constants become
  // parameters.
  ExprText expression(const Expr& expr, const std::vector<ExprText>& operands, std::string& body);

 private:
  void add_param(Param::Type type, uint32_t bits, const char* name, Pieces pieces);

  int maps_ = 0;
  int constants_ = 0;
};

// `text` with $V for the type and $at_ for the reader of four elements at a time or of one.
std::string with_lanes(bool fours, std::string_view text, bool whole = false);

}  // namespace linnet::gpu

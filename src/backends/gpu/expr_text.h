// Expressions as shader text, four elements at a time.
#pragma once

#include <span>
#include <string>

#include "backends/gpu/shader_text.h"
#include "graph/expr.h"

namespace linnet::gpu {

// Four values in a shader: a vec4i of whole numbers, or a vec4f, in which truth values are 0 and 1.
struct ExprText {
  std::string text;  // a name or a call
  bool whole = false;
};

// Statements that compute `expr`, in the shaders' dialect, appended to `text`; gives its value. operands[i]
// is $i and constants[i] the text of instruction i, where that is a constant: an f32. The bodies of
// expr_ops.def are the source: their text, with operands and the algebra's names put in. Whole numbers wrap
// around.
ExprText print_expr(const Expr& expr, std::span<const ExprText> operands,
                    std::span<const std::string> constants, std::string& text);

// The functions that `text`, printed above, calls, in the dialect's own language: for the top of the shader.
std::string expr_functions(Dialect dialect, const std::string& text);

}  // namespace linnet::gpu

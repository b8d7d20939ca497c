// Expressions as shader text, four elements at a time.
#pragma once

#include <span>
#include <string>

#include "backends/gpu/shader_text.h"
#include "graph/expr.h"

namespace linnet::gpu {

// Statements that compute `expr`, in the shaders' dialect, appended to `text`; gives the name or text of its
// value, a vec4f. operands[i] is the text of $i and constants[i] that of instruction i, where that is a
// constant; both vec4f. The bodies of expr_ops.def are the source: their text, with operands and the
// algebra's names put in.
std::string print_expr(const Expr& expr, std::span<const std::string> operands,
                       std::span<const std::string> constants, std::string* text);

// The functions that `text`, printed above, calls, in the dialect's own language: for the top of the shader.
std::string expr_functions(Dialect dialect, std::string_view text);

}  // namespace linnet::gpu

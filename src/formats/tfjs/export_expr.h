// Expressions as TensorFlow ops, one for each operator.
#pragma once

#include "formats/tfjs/export_writer.h"

namespace linnet {

// Emits the nodes of `expr` over the nodes `operands`; the last has the name `result`, which was taken.
// `whole`: the operands are i32, and so become constants.
void export_expr(ExportWriter& writer, const Expr& expr, const std::vector<std::string>& operands,
                 const std::string& result, bool whole);

// A scalar constant, f32 or i32.
std::string number_constant(ExportWriter& writer, const std::string& name, float value, bool whole);

}  // namespace linnet

#include "backends/gpu/kernel.h"

namespace linnet::gpu {

int Kernel::input(Operand operand) {
  inputs.push_back(operand);
  return static_cast<int>(inputs.size()) - 1;
}

void Kernel::add_param(Param::Type type, uint32_t bits, const char* name, Pieces pieces) {
  params.push_back({text_of(name, pieces), type, bits});
}

void Kernel::param(const char* name, uint32_t value, Pieces pieces) {
  add_param(Param::Type::U32, value, name, pieces);
}

void Kernel::param_i32(const char* name, int32_t value, Pieces pieces) {
  add_param(Param::Type::I32, std::bit_cast<uint32_t>(value), name, pieces);
}

void Kernel::param_f32(const char* name, float value, Pieces pieces) {
  add_param(Param::Type::F32, std::bit_cast<uint32_t>(value), name, pieces);
}

// A function for the index keeps texts short where it is needed for each of four elements.
std::string Kernel::index(const IndexMap& map, const char* e) {
  if (map.is_identity()) return e;
  const int id = maps_++;
  std::string sum;
  uint32_t inner = 1;
  for (size_t i = map.dims.size(); i-- > 0;) {
    const IndexMap::Dim& dim = map.dims[i];
    const Pieces part = {id, static_cast<uint32_t>(i)};
    if (dim.stride != 0) {
      if (!sum.empty()) sum += " + ";
      if (i > 0) sum += "(";
      if (inner != 1) param("inner$0_$1", inner, part);
      append(sum, inner == 1 ? "e" : "(e / P.inner$0_$1)", part);
      if (i > 0) {
        param("size$0_$1", dim.size, part);
        append(sum, " % P.size$0_$1)", part);
      }
      if (dim.stride != 1) {
        param("stride$0_$1", static_cast<uint32_t>(dim.stride), part);
        append(sum, " * P.stride$0_$1", part);
      }
    }
    inner *= dim.size;
  }
  if (map.base != 0) {
    param("offset$0", static_cast<uint32_t>(map.base), {id});
    append(sum, sum.empty() ? "P.offset$0" : " + P.offset$0", {id});
  }
  if (sum.empty()) sum = "0u";
  append(text, "@fn u32 index_$0(u32 e) { return $1; }\n", {id, sum});
  return text_of("index_$0($1)", {id, e});
}

std::string Kernel::fours(int k, const IndexMap& map, const char* e) {
  const char* four = is_whole(inputs[static_cast<size_t>(k)].dtype) ? "vec4i" : "vec4f";
  if (map.is_single()) return text_of("$0(at_$1($2u))", {four, k, map.base});
  const std::string first = index(map, e);
  if (map.keeps_fours()) return text_of("at4_$0($1)", {k, first});
  if (map.repeats_fours()) return text_of("$0(at_$1($2))", {four, k, first});
  return text_of("$0(at_$1($2), at_$1($3($4 + 1u)), at_$1($3($4 + 2u)), at_$1($3($4 + 3u)))",
                 {four, k, first, first.substr(0, first.find('(')), e});
}

ExprText Kernel::operand(int k, const IndexMap& map, const char* e) {
  return {fours(k, map, e), is_whole(inputs[static_cast<size_t>(k)].dtype)};
}

ExprText Kernel::expression(const Expr& expr, const std::vector<ExprText>& operands, std::string& body) {
  std::vector<std::string> constants;
  for (const Expr::Instruction& instruction : expr.instructions()) {
    constants.emplace_back();
    if (instruction.op != ExprOp::Constant) continue;
    constants.back() = text_of("P.c$0", {constants_});
    param_f32("c$0", instruction.value, {constants_++});
  }
  return print_expr(expr, operands, constants, body);
}

std::string with_lanes(bool fours, std::string_view text, bool whole) {
  std::string result;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text.substr(at, 2) == "$V") {
      result += fours ? (whole ? "vec4i" : "vec4f") : (whole ? "i32" : "f32");
      ++at;
    } else if (text.substr(at, 4) == "$at_") {
      result += fours ? "at4_" : "at_";
      at += 3;
    } else {
      result += text[at];
    }
  }
  return result;
}

}  // namespace linnet::gpu

#include "backends/gpu/kernel.h"

namespace linnet::gpu {

int Kernel::input(Operand operand) {
  inputs.push_back(operand);
  return static_cast<int>(inputs.size()) - 1;
}

std::string Kernel::param(const std::string& name, uint32_t value) {
  params.push_back({name, Param::Type::U32, value});
  return "P." + name;
}

std::string Kernel::param_i32(const std::string& name, int32_t value) {
  params.push_back({name, Param::Type::I32, std::bit_cast<uint32_t>(value)});
  return "P." + name;
}

std::string Kernel::param_f32(const std::string& name, float value) {
  params.push_back({name, Param::Type::F32, std::bit_cast<uint32_t>(value)});
  return "P." + name;
}

// A function for the index keeps texts short where it is needed for each of four elements.
std::string Kernel::index(const IndexMap& map, const std::string& e) {
  if (map.is_identity()) return e;
  const std::string id = std::to_string(maps_++);
  const std::string name = "index_" + id;
  std::string sum;
  uint32_t inner = 1;
  for (size_t i = map.dims.size(); i-- > 0;) {
    const IndexMap::Dim& dim = map.dims[i];
    const std::string part = id + "_" + std::to_string(i);
    if (dim.stride != 0) {
      std::string coordinate = inner == 1 ? "e" : "(e / " + param("inner" + part, inner) + ")";
      if (i > 0) coordinate = "(" + coordinate + " % " + param("size" + part, dim.size) + ")";
      if (dim.stride != 1) coordinate += " * " + param("stride" + part, static_cast<uint32_t>(dim.stride));
      sum += (sum.empty() ? "" : " + ") + coordinate;
    }
    inner *= dim.size;
  }
  if (map.base != 0)
    sum += (sum.empty() ? "" : " + ") + param("offset" + id, static_cast<uint32_t>(map.base));
  if (sum.empty()) sum = "0u";
  text += "@fn u32 " + name + "(u32 e) { return " + sum + "; }\n";
  return name + "(" + e + ")";
}

std::string Kernel::fours(int k, const IndexMap& map, const std::string& e) {
  const std::string number = std::to_string(k);
  const std::string four = is_whole(inputs[static_cast<size_t>(k)].dtype) ? "vec4i(at_" : "vec4f(at_";
  if (map.is_single()) return four + number + "(" + std::to_string(map.base) + "u))";
  if (map.keeps_fours()) return "at4_" + number + "(" + index(map, e) + ")";
  if (map.repeats_fours()) return four + number + "(" + index(map, e) + "))";
  const std::string first = index(map, e);
  const std::string call = first.substr(0, first.find('('));
  std::string result = four + number + "(" + first + ")";
  for (const char* lane : {"1u", "2u", "3u"})
    result += ", at_" + number + "(" + call + "(" + e + " + " + lane + "))";
  return result + ")";
}

std::string Kernel::single(int k, const IndexMap& map, const std::string& e) {
  const std::string at = map.is_single() ? std::to_string(map.base) + "u" : index(map, e);
  return "at_" + std::to_string(k) + "(" + at + ")";
}

ExprText Kernel::operand(int k, const IndexMap& map, const std::string& e) {
  return {fours(k, map, e), is_whole(inputs[static_cast<size_t>(k)].dtype)};
}

ExprText Kernel::expression(const Expr& expr, const std::vector<ExprText>& operands, std::string* body) {
  std::vector<std::string> constants;
  for (const Expr::Instruction& instruction : expr.instructions())
    constants.push_back(instruction.op == ExprOp::Constant
                            ? param_f32("c" + std::to_string(constants_++), instruction.value)
                            : "");
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

#include <cstdio>

#include "base/format.h"
#include "graph/op_def.h"
#include "graph/text.h"

namespace linnet {

namespace {

std::string number(double value, int digits = 9) {
  char text[40];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

std::string type_text(const Value& value) {
  return std::string(dtype_name(value.dtype)) + value.shape.to_string();
}

// A value's name as the parser reads it: characters outside its alphabet become '_'.
std::string identifier(std::string_view name) {
  std::string text = "%";
  for (char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '.' || c == '/' || c == ':' || c == '-';
    text += plain ? c : '_';
  }
  return text;
}

struct AttrPrinter {
  std::string operator()(int64_t value) const { return decimal(value); }
  std::string operator()(float value) const { return number(static_cast<double>(value)); }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(const Ints& values) const {
    std::string text = "[";
    for (size_t i = 0; i < values.size(); ++i) text += (i > 0 ? "," : "") + decimal(values[i]);
    return text + "]";
  }
  std::string operator()(const std::string& value) const { return value; }
  std::string operator()(DType value) const { return dtype_name(value); }
  std::string operator()(const Expr& value) const { return value.to_string(); }
};

std::string constant_text(const Tensor& tensor, int64_t max_listed) {
  const int64_t count = tensor.shape().elements();
  const auto element = [&](int64_t i) { return number(tensor.at(i), tensor.dtype() == DType::I32 ? 10 : 9); };
  if (count > max_listed) {
    bool same = true;
    for (int64_t i = 1; i < count && same; ++i) same = tensor.at(i) == tensor.at(0);
    return same ? "splat(" + element(0) + ")" : "...";
  }
  std::string text = "[";
  for (int64_t i = 0; i < count; ++i) text += (i > 0 ? ", " : "") + element(i);
  return text + "]";
}

std::string port_text(const Graph& graph, const GraphPort& port) {
  const std::string& name = graph.value(port.value).name;
  return port.name == name ? "" : " as \"" + port.name + "\"";
}

}  // namespace

std::string print_graph(const Graph& graph, int64_t max_listed) {
  std::string text;
  for (const GraphPort& port : graph.inputs) {
    const Value& value = graph.value(port.value);
    text += "input " + identifier(value.name) + ": " + type_text(value) + port_text(graph, port) + "\n";
  }
  const std::vector<uint32_t> uses = graph.use_counts();
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Value& value = graph.value(id);
    if (!value.is_constant() || uses[id] == 0) continue;
    text += "const " + identifier(value.name) + ": " + type_text(value) + " = " +
            constant_text(value.constant, max_listed) + "\n";
  }
  for (const Node& node : graph.nodes()) {
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const Value& value = graph.value(node.outputs[i]);
      text += (i > 0 ? ", " : "") + identifier(value.name) + ": " + type_text(value);
    }
    text += std::string(" = ") + op_def(node.op).name + "(";
    for (size_t i = 0; i < node.inputs.size(); ++i)
      text += (i > 0 ? ", " : "") + identifier(graph.value(node.inputs[i]).name);
    text += ")";
    if (!node.attrs.all().empty()) {
      text += " {";
      for (const auto& [key, value] : node.attrs.all())
        text += (text.back() == '{' ? "" : ", ") + std::string(attr_name(key)) + "=" +
                std::visit(AttrPrinter{}, value);
      text += "}";
    }
    text += "\n";
  }
  for (const GraphPort& port : graph.outputs)
    text += "output " + identifier(graph.value(port.value).name) + port_text(graph, port) + "\n";
  return text;
}

}  // namespace linnet

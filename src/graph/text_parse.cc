#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/format.h"
#include "graph/op_def.h"
#include "graph/text.h"

namespace linnet {

namespace {

// Reads one statement.
class LineParser {
 public:
  LineParser(std::string_view line, Graph& graph) : text_(line), graph_(graph) {}

  Result<void> parse() {
    skip_space();
    if (at_ == text_.size()) return {};
    if (word("input ")) return input();
    if (word("const ")) return constant();
    if (word("output ")) return output();
    return node();
  }

 private:
  struct TypedName {
    std::string name;
    bool typed = false;
    DType dtype = DType::F32;
    Shape shape;
  };

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
  }

  bool word(std::string_view wanted) {
    skip_space();
    if (!text_.substr(at_).starts_with(wanted)) return false;
    at_ += wanted.size();
    return true;
  }

  std::unexpected<Error> unexpected(const char* wanted) {
    return fail(ErrorCode::MalformedText, "expected %s at column %zu", wanted, at_ + 1);
  }

  Result<void> expect(std::string_view wanted) {
    if (word(wanted)) return {};
    return fail(ErrorCode::MalformedText, "expected '%.*s' at column %zu", static_cast<int>(wanted.size()),
                wanted.data(), at_ + 1);
  }

  Result<void> end() {
    skip_space();
    if (at_ != text_.size()) return unexpected("the end of the line");
    return {};
  }

  Result<std::string> identifier() {
    TRY(expect("%"));
    const size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) ||
                                  std::string_view("_./:-").contains(text_[at_]))) {
      // A colon before a space ends the name: it opens the type.
      if (text_[at_] == ':' && (at_ + 1 == text_.size() || text_[at_ + 1] == ' ')) break;
      ++at_;
    }
    if (at_ == begin) return unexpected("a name");
    return std::string(text_.substr(begin, at_ - begin));
  }

  Result<int64_t> integer() {
    skip_space();
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error != std::errc()) return unexpected("a whole number");
    at_ = static_cast<size_t>(end - text_.data());
    return value;
  }

  Result<double> number() {
    skip_space();
    char digits[40] = {};
    std::memcpy(digits, text_.data() + at_, std::min(text_.size() - at_, sizeof digits - 1));
    char* end = digits;
    const double value = std::strtod(digits, &end);
    if (end == digits) return unexpected("a number");
    at_ += static_cast<size_t>(end - digits);
    return value;
  }

  Result<Ints> integers() {
    TRY(expect("["));
    Ints values;
    while (!word("]")) {
      if (!values.empty()) TRY(expect(","));
      TRY_ASSIGN(const int64_t value, integer());
      values.push_back(value);
    }
    return values;
  }

  Result<std::string_view> plain_word() {
    skip_space();
    const size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_'))
      ++at_;
    if (at_ == begin) return unexpected("a word");
    return text_.substr(begin, at_ - begin);
  }

  Result<DType> dtype() {
    TRY_ASSIGN(const std::string_view name, plain_word());
    DType dtype;
    if (!dtype_from_name(name, &dtype)) return unexpected("an element type before");
    return dtype;
  }

  Result<TypedName> typed_name(bool required) {
    TypedName result;
    TRY_ASSIGN(result.name, identifier());
    if (!word(":")) {
      if (required) return unexpected("a type");
      return result;
    }
    result.typed = true;
    TRY_ASSIGN(result.dtype, dtype());
    TRY_ASSIGN(const Ints dims, integers());
    TRY_ASSIGN(result.shape, Shape::make(dims, result.dtype, result.name));
    return result;
  }

  Result<std::string> port_name(const std::string& fallback) {
    if (!word("as \"")) return fallback;
    const size_t close = text_.find('"', at_);
    if (close == std::string_view::npos) return unexpected("a closing quote");
    std::string name(text_.substr(at_, close - at_));
    at_ = close + 1;
    return name;
  }

  Result<void> new_name(const std::string& name) {
    if (graph_.find_value(name) != kNone)
      return fail(ErrorCode::MalformedText, "'%%%s' is defined twice", name.c_str());
    return {};
  }

  Result<void> input() {
    TRY_ASSIGN(TypedName name, typed_name(true));
    TRY(new_name(name.name));
    TRY_ASSIGN(std::string port, port_name(name.name));
    TRY(end());
    graph_.inputs.push_back({std::move(port), graph_.add_input(name.name, name.dtype, name.shape)});
    return {};
  }

  Result<void> output() {
    TRY_ASSIGN(std::string name, identifier());
    TRY_ASSIGN(const ValueId value, find(name));
    TRY_ASSIGN(std::string port, port_name(name));
    TRY(end());
    graph_.outputs.push_back({std::move(port), value});
    return {};
  }

  Result<ValueId> find(const std::string& name) {
    const ValueId value = graph_.find_value(name);
    if (value == kNone)
      return fail(ErrorCode::MissingNode, "'%%%s' is not defined before it is used", name.c_str());
    return value;
  }

  Result<void> constant() {
    TRY_ASSIGN(TypedName name, typed_name(true));
    TRY(new_name(name.name));
    TRY(expect("="));
    if (name.shape.elements() > kMaxConstantElements)
      return fail(ErrorCode::TooLarge, "constants in text may have %lld elements at most",
                  static_cast<long long>(kMaxConstantElements));
    TRY_ASSIGN(Tensor tensor, Tensor::zeros(name.dtype, name.shape));
    TRY(fill(tensor));
    TRY(end());
    graph_.add_constant(name.name, std::move(tensor));
    return {};
  }

  Result<void> fill(Tensor& tensor) {
    const int64_t count = tensor.shape().elements();
    if (word("splat(")) {
      TRY_ASSIGN(const double value, number());
      for (int64_t i = 0; i < count; ++i) store_double(tensor.dtype(), tensor.mutable_data(), i, value);
      return expect(")");
    }
    if (word("random(")) {
      TRY_ASSIGN(const int64_t seed, integer());
      const double most = tensor.dtype() == DType::I8 ? 127 : tensor.dtype() == DType::I32 ? 5000 : 1;
      fill_random(tensor.view(), static_cast<uint32_t>(seed), -most, most);
      return expect(")");
    }
    TRY(expect("["));
    for (int64_t i = 0; i < count; ++i) {
      if (i > 0) TRY(expect(","));
      TRY_ASSIGN(const double value, number());
      store_double(tensor.dtype(), tensor.mutable_data(), i, value);
    }
    return expect("]");
  }

  Result<void> node() {
    std::vector<TypedName> results;
    do {
      TRY_ASSIGN(TypedName name, typed_name(false));
      TRY(new_name(name.name));
      results.push_back(std::move(name));
    } while (word(","));
    TRY(expect("="));
    TRY_ASSIGN(const std::string_view op_text, plain_word());
    Op op;
    if (!op_from_name(op_text, &op))
      return fail(ErrorCode::UnsupportedOp, "there is no op '%.*s'", static_cast<int>(op_text.size()),
                  op_text.data());
    TRY(expect("("));
    std::vector<ValueId> inputs;
    while (!word(")")) {
      if (!inputs.empty()) TRY(expect(","));
      TRY_ASSIGN(const std::string name, identifier());
      TRY_ASSIGN(const ValueId value, find(name));
      inputs.push_back(value);
    }
    Attrs attrs;
    if (word("{")) TRY(attributes(op, &attrs));
    TRY(end());
    return add(op, std::move(results), std::move(inputs), std::move(attrs));
  }

  Result<void> add(Op op, std::vector<TypedName> results, std::vector<ValueId> inputs, Attrs attrs) {
    if (results.size() != static_cast<size_t>(op_def(op).outputs))
      return fail(ErrorCode::MalformedText, "%s has %d results", op_def(op).name, op_def(op).outputs);
    TRY_ASSIGN(const NodeId id, graph_.add_node(op, results[0].name, std::move(inputs), std::move(attrs)));
    for (size_t i = 0; i < results.size(); ++i) {
      const ValueId value_id = graph_.node(id).outputs[i];
      if (graph_.value(value_id).name != results[i].name) {
        TRY(new_name(results[i].name));
        graph_.rename_value(value_id, results[i].name);
      }
      const Value& value = graph_.value(value_id);
      if (results[i].typed && (results[i].dtype != value.dtype || !(results[i].shape == value.shape)))
        return fail(ErrorCode::ShapeMismatch, "'%%%s' is %s%s, not as written", value.name.c_str(),
                    dtype_name(value.dtype), value.shape.to_string().c_str());
    }
    return {};
  }

  Result<void> attributes(Op op, Attrs* attrs) {
    bool first = true;
    while (!word("}")) {
      if (!first) TRY(expect(","));
      first = false;
      TRY_ASSIGN(const std::string_view name, plain_word());
      TRY(expect("="));
      const AttrDef* found = nullptr;
      static constexpr AttrDef kEpilogue{Attr::epilogue, AttrType::Expr};
      for (const AttrDef& attr : op_def(op).attrs)
        if (name == attr_name(attr.key)) found = &attr;
      if (name == attr_name(Attr::epilogue) && (op_def(op).traits & kTraitEpilogue) != 0) found = &kEpilogue;
      if (found == nullptr)
        return fail(ErrorCode::InvalidAttribute, "%s does not take the attribute '%.*s'", op_def(op).name,
                    static_cast<int>(name.size()), name.data());
      TRY_ASSIGN(AttrValue value, attribute(found->type));
      attrs->set(found->key, std::move(value));
    }
    return {};
  }

  Result<AttrValue> attribute(AttrType type) {
    switch (type) {
      case AttrType::Int: {
        TRY_ASSIGN(const int64_t value, integer());
        return AttrValue(value);
      }
      case AttrType::Float: {
        TRY_ASSIGN(const double value, number());
        return AttrValue(static_cast<float>(value));
      }
      case AttrType::Bool: {
        if (word("true")) return AttrValue(true);
        TRY(expect("false"));
        return AttrValue(false);
      }
      case AttrType::Ints: {
        TRY_ASSIGN(Ints values, integers());
        return AttrValue(std::move(values));
      }
      case AttrType::String: {
        TRY_ASSIGN(const std::string_view value, plain_word());
        return AttrValue(std::string(value));
      }
      case AttrType::DType: {
        TRY_ASSIGN(const DType value, dtype());
        return AttrValue(value);
      }
      case AttrType::Expr:
        break;
    }
    // An expression reaches to the comma or brace outside its own parentheses.
    size_t close = at_;
    for (int depth = 0; close < text_.size(); ++close) {
      if (depth == 0 && (text_[close] == ',' || text_[close] == '}')) break;
      depth += (text_[close] == '(') - (text_[close] == ')');
    }
    TRY_ASSIGN(Expr expr, Expr::parse(text_.substr(at_, close - at_)));
    at_ = close;
    return AttrValue(std::move(expr));
  }

  static constexpr int64_t kMaxConstantElements = 1 << 22;
  std::string_view text_;
  Graph& graph_;
  size_t at_ = 0;
};

}  // namespace

Result<Graph> parse_graph(std::string_view text) {
  Graph graph;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    line = line.substr(0, line.find('#'));
    if (auto parsed = LineParser(line, graph).parse(); !parsed)
      return std::unexpected(parsed.error().within("line " + decimal(number)));
  }
  return graph;
}

void fill_random(TensorView out, uint32_t seed, double low, double high) {
  // PCG (O'Neill 2014), the 32-bit XSH-RR output of a 64-bit congruential state.
  uint64_t state = 0x853c49e6748fea9bULL + seed;
  const int64_t count = out.elements();
  for (int64_t i = -1; i < count; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const uint32_t mixed = static_cast<uint32_t>(((state >> 18) ^ state) >> 27);
    const uint32_t rotation = static_cast<uint32_t>(state >> 59);
    const uint32_t bits = (mixed >> rotation) | (mixed << ((32 - rotation) & 31));
    const double unit = static_cast<double>(bits >> 8) * 0x1p-24;
    double value = low + unit * (high - low);
    if (out.dtype == DType::Bool) value = unit >= 0.5;
    if (out.dtype == DType::I32 || out.dtype == DType::I8) value = std::floor(value);
    if (i >= 0) store_double(out.dtype, out.data, i, value);
  }
}

void fill_random_input(TensorView out, uint32_t seed, double low, double high) {
  if (out.dtype == DType::I8) return fill_random(out, seed, 0, 128);
  const double scale = out.dtype == DType::I32 ? 10 : 1;
  fill_random(out, seed, low * scale, high * scale);
}

}  // namespace linnet

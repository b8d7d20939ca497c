#include "graph/flat.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "graph/op_def.h"

namespace linnet {

namespace {

constexpr size_t kOps =
#define LINNET_OP(name) +1
#include "graph/ops.def"
#undef LINNET_OP
    ;

class Writer {
 public:
  void word(uint32_t value) { words.push_back(value); }
  void words64(int64_t value) {
    word(static_cast<uint32_t>(value));
    word(static_cast<uint32_t>(static_cast<uint64_t>(value) >> 32));
  }
  void text(std::string_view text) {
    word(static_cast<uint32_t>(text.size()));
    const size_t at = words.size();
    words.resize(at + (text.size() + 3) / 4);
    if (!text.empty()) std::memcpy(words.data() + at, text.data(), text.size());
  }
  void list(std::span<const uint32_t> values) {
    word(static_cast<uint32_t>(values.size()));
    words.insert(words.end(), values.begin(), values.end());
  }
  void ports(const std::vector<GraphPort>& ports) {
    word(static_cast<uint32_t>(ports.size()));
    for (const GraphPort& port : ports) {
      text(port.name);
      word(port.value);
    }
  }

  void operator()(int64_t value) { words64(value); }
  void operator()(float value) { word(std::bit_cast<uint32_t>(value)); }
  void operator()(bool value) { word(value ? 1 : 0); }
  void operator()(const Ints& values) {
    word(static_cast<uint32_t>(values.size()));
    for (int64_t value : values) words64(value);
  }
  void operator()(const std::string& value) { text(value); }
  void operator()(DType value) { word(static_cast<uint32_t>(value)); }
  // Not its text: numbers as text bring more code than all the rest.
  void operator()(const Expr& value) {
    word(static_cast<uint32_t>(value.instructions().size()));
    for (const Expr::Instruction& instruction : value.instructions()) {
      word(static_cast<uint32_t>(instruction.op) | uint32_t{instruction.index} << 8);
      word(std::bit_cast<uint32_t>(instruction.value));
      word(instruction.operands[0] | uint32_t{instruction.operands[1]} << 8 |
           uint32_t{instruction.operands[2]} << 16);
    }
  }

  std::vector<uint32_t> words;
};

// Past the end it gives zeros and remembers.
class Reader {
 public:
  explicit Reader(std::span<const uint32_t> words) : words_(words) {}

  bool whole() const { return at_ == words_.size(); }
  bool good() const { return at_ <= words_.size(); }
  uint32_t word() { return at_ < words_.size() ? words_[at_++] : (at_ = words_.size() + 1, 0); }
  // A count of things that each take at least a word.
  uint32_t count() {
    const uint32_t value = word();
    if (good() && value <= words_.size() - at_) return value;
    at_ = words_.size() + 1;
    return 0;
  }
  int64_t words64() {
    const uint64_t low = word();
    return static_cast<int64_t>(low | uint64_t{word()} << 32);
  }
  std::string text() {
    const uint32_t bytes = word();
    const size_t size = bytes / 4 + (bytes % 4 != 0 ? 1 : 0);
    if (!good() || size > words_.size() - at_) {
      at_ = words_.size() + 1;
      return {};
    }
    std::string result(bytes, 0);
    if (bytes > 0) std::memcpy(result.data(), words_.data() + at_, bytes);
    at_ += size;
    return result;
  }
  std::vector<uint32_t> list() {
    std::vector<uint32_t> values(count());
    for (uint32_t& value : values) value = word();
    return values;
  }

 private:
  std::span<const uint32_t> words_;
  size_t at_ = 0;
};

std::unexpected<Error> malformed(const char* what) {
  return fail(ErrorCode::MalformedPlan, "flat graph: %s", what);
}

constexpr uint32_t kExprOps = 2
#define LINNET_EXPR(name, arity, type_rule, low, high, body) +1
#include "graph/expr_ops.def"
#undef LINNET_EXPR
    ;

Result<Expr> read_expr(Reader& reader) {
  const uint32_t count = reader.count();
  if (count == 0 || count > Expr::kMaxInstructions) return malformed("an expression of no possible size");
  std::vector<Expr::Instruction> instructions(count);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t head = reader.word(), bits = reader.word(), operands = reader.word();
    const uint32_t number = head & 255u, index = head >> 8;
    if (number >= kExprOps || index >= static_cast<uint32_t>(Expr::kMaxInputs))
      return malformed("an expression's op or operand does not exist");
    Expr::Instruction& instruction = instructions[i];
    instruction = {static_cast<ExprOp>(number), static_cast<uint8_t>(index), std::bit_cast<float>(bits)};
    for (int k = 0; k < expr_op_arity(instruction.op); ++k) {
      const uint32_t at = operands >> (8 * k) & 255u;
      if (at >= i) return malformed("an expression uses what comes after");
      instruction.operands[k] = static_cast<uint8_t>(at);
    }
  }
  return Expr::of(std::move(instructions));
}

Result<AttrValue> read_attr(Reader& reader) {
  switch (reader.word()) {
    case 0:
      return reader.words64();
    case 1:
      return std::bit_cast<float>(reader.word());
    case 2:
      return reader.word() != 0;
    case 3: {
      Ints values(reader.count());
      for (int64_t& value : values) value = reader.words64();
      return values;
    }
    case 4:
      return reader.text();
    case 5:
      return static_cast<DType>(std::min(reader.word(), static_cast<uint32_t>(DType::Bool)));
    case 6: {
      TRY_ASSIGN(Expr expr, read_expr(reader));
      return expr;
    }
  }
  return malformed("an attribute of no known type");
}

Result<void> read_value(Reader& reader, FlatGraph& flat) {
  const auto dtype = static_cast<DType>(std::min(reader.word(), static_cast<uint32_t>(DType::Bool)));
  const bool is_constant = reader.word() != 0;
  const std::vector<uint32_t> sizes = reader.list();
  const std::vector<int64_t> dims(sizes.begin(), sizes.end());
  TRY_ASSIGN(const Shape shape, Shape::make(dims, dtype, "a value"));
  const auto elements = is_constant ? std::make_shared<Tensor::Elements>() : nullptr;
  flat.constants.emplace_back(elements, is_constant ? &elements->buffer : nullptr);
  flat.graph.append_value({"", dtype, shape, kNone, is_constant ? Tensor(dtype, shape, elements) : Tensor()});
  return {};
}

Result<void> read_node(Reader& reader, Graph& graph) {
  const uint32_t op = reader.word();
  if (op >= kOps) return malformed("an op that does not exist");
  Node node{static_cast<Op>(op), reader.text(), reader.list(), reader.list(), {}};
  for (const std::vector<ValueId>* values : {&node.inputs, &node.outputs})
    for (ValueId id : *values)
      if (id >= graph.value_count()) return malformed("a node's value does not exist");
  if (node.outputs.empty()) return malformed("a node without results");
  for (uint32_t i = reader.count(); i > 0; --i) {
    const auto key = static_cast<Attr>(reader.word());
    TRY_ASSIGN(AttrValue value, read_attr(reader));
    node.attrs.set(key, std::move(value));
  }
  graph.append_node(std::move(node));
  return {};
}

Result<std::vector<GraphPort>> read_ports(Reader& reader, const Graph& graph) {
  std::vector<GraphPort> ports;
  for (uint32_t i = reader.count(); i > 0; --i) {
    std::string name = reader.text();
    const ValueId value = reader.word();
    if (value >= graph.value_count()) return malformed("a port's value does not exist");
    ports.push_back({std::move(name), value});
  }
  return ports;
}

}  // namespace

std::vector<uint32_t> flatten_graph(const Graph& graph) {
  Writer writer;
  for (size_t op = 0; op < kOps; ++op) {
    const OpDef& def = op_def(static_cast<Op>(op));
    writer.word(static_cast<uint32_t>(def.max_inputs));
    writer.word(def.traits);
  }
  writer.word(static_cast<uint32_t>(graph.value_count()));
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    const Value& value = graph.value(id);
    writer.word(static_cast<uint32_t>(value.dtype));
    writer.word(value.is_constant() ? 1 : 0);
    writer.word(static_cast<uint32_t>(value.shape.rank()));
    for (int32_t size : value.shape.dims()) writer.word(static_cast<uint32_t>(size));
  }
  writer.word(static_cast<uint32_t>(graph.node_count()));
  for (const Node& node : graph.nodes()) {
    writer.word(static_cast<uint32_t>(node.op));
    writer.text(node.name);
    writer.list(node.inputs);
    writer.list(node.outputs);
    writer.word(static_cast<uint32_t>(node.attrs.all().size()));
    for (const auto& [key, value] : node.attrs.all()) {
      writer.word(static_cast<uint32_t>(key));
      writer.word(static_cast<uint32_t>(value.index()));
      std::visit(writer, value);
    }
  }
  writer.ports(graph.inputs);
  writer.ports(graph.outputs);
  return std::move(writer.words);
}

Result<FlatGraph> unflatten_graph(std::span<const uint32_t> words) {
  Reader reader(words);
  FlatGraph flat;
  for (size_t op = 0; op < kOps; ++op) {
    const uint32_t max_inputs = reader.word();
    flat.ops.push_back({static_cast<int32_t>(max_inputs), reader.word()});
  }
  for (uint32_t i = reader.count(); i > 0; --i) TRY(read_value(reader, flat));
  for (uint32_t i = reader.count(); i > 0; --i) TRY(read_node(reader, flat.graph));
  TRY_ASSIGN(flat.graph.inputs, read_ports(reader, flat.graph));
  TRY_ASSIGN(flat.graph.outputs, read_ports(reader, flat.graph));
  if (!reader.whole()) return malformed("it is cut off or too long");
  return flat;
}

}  // namespace linnet

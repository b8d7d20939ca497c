#include "graph/graph.h"

#include <algorithm>
#include <bit>

#include "base/format.h"
#include "graph/op_def.h"

namespace linnet {

const char* attr_name(Attr attr) {
  static constexpr const char* kNames[] = {
#define LINNET_ATTR(name) #name,
#include "graph/attrs.def"
#undef LINNET_ATTR
  };
  return kNames[static_cast<size_t>(attr)];
}

std::string describe(const Node& node) {
  return "node '" + node.name + "' (" + op_def(node.op).name + ")";
}

void Attrs::set(Attr key, AttrValue value) {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), key,
                                   [](const auto& entry, Attr wanted) { return entry.first < wanted; });
  if (at != entries_.end() && at->first == key)
    at->second = std::move(value);
  else
    entries_.insert(at, {key, std::move(value)});
}

void Attrs::remove(Attr key) {
  std::erase_if(entries_, [key](const auto& entry) { return entry.first == key; });
}

const AttrValue* Attrs::find(Attr key) const {
  for (const auto& [name, value] : entries_)
    if (name == key) return &value;
  return nullptr;
}

namespace {

template <class T>
const T* get_as(const Attrs& attrs, Attr key) {
  const AttrValue* value = attrs.find(key);
  return value != nullptr ? std::get_if<T>(value) : nullptr;
}

}  // namespace

int64_t Attrs::get_int(Attr key, int64_t fallback) const {
  const auto* value = get_as<int64_t>(*this, key);
  return value != nullptr ? *value : fallback;
}

float Attrs::get_float(Attr key, float fallback) const {
  const auto* value = get_as<float>(*this, key);
  return value != nullptr ? *value : fallback;
}
DType Attrs::get_dtype(Attr key, DType fallback) const {
  const auto* value = get_as<DType>(*this, key);
  return value != nullptr ? *value : fallback;
}

bool Attrs::get_bool(Attr key, bool fallback) const {
  const auto* value = get_as<bool>(*this, key);
  return value != nullptr ? *value : fallback;
}

std::span<const int64_t> Attrs::get_ints(Attr key) const {
  const auto* value = get_as<Ints>(*this, key);
  return value != nullptr ? std::span<const int64_t>(*value) : std::span<const int64_t>();
}

std::string_view Attrs::get_string(Attr key, std::string_view fallback) const {
  const auto* value = get_as<std::string>(*this, key);
  return value != nullptr ? std::string_view(*value) : fallback;
}

const Expr* Attrs::get_expr(Attr key) const {
  return get_as<Expr>(*this, key);
}

ValueId Graph::add_value(std::string name, DType dtype, const Shape& shape, NodeId producer) {
  const ValueId id = static_cast<ValueId>(values_.size());
  values_.push_back({unique_name(name), dtype, shape, producer, {}});
  add_name(id);
  return id;
}

ValueId Graph::add_input(std::string name, DType dtype, const Shape& shape) {
  return add_value(std::move(name), dtype, shape, kNone);
}

ValueId Graph::add_constant(std::string name, Tensor tensor) {
  const ValueId id = add_value(std::move(name), tensor.dtype(), tensor.shape(), kNone);
  values_[id].constant = std::move(tensor);
  return id;
}

Result<NodeId> Graph::add_node(Op op, std::string name, std::vector<ValueId> operands, Attrs attrs) {
  for (ValueId input : operands) CHECK(input < values_.size());
  const NodeId id = static_cast<NodeId>(nodes_.size());
  nodes_.push_back({op, std::move(name), std::move(operands), {}, std::move(attrs)});
  Node& node = nodes_.back();
  const int results = op_def(op).outputs;
  for (int i = 0; i < results; ++i) {
    const std::string result = i == 0 ? node.name : node.name + ":" + decimal(i);
    node.outputs.push_back(add_value(result, DType::F32, {}, id));
  }
  if (auto inferred = infer(id); !inferred) {
    for (ValueId output : node.outputs) remove_name(output);
    values_.resize(values_.size() - node.outputs.size());
    nodes_.pop_back();
    return std::unexpected(std::move(inferred).error());
  }
  return id;
}

Result<ValueId> Graph::add(Op op, std::string name, std::vector<ValueId> operands, Attrs attrs) {
  TRY_ASSIGN(const NodeId id, add_node(op, std::move(name), std::move(operands), std::move(attrs)));
  return nodes_[id].outputs[0];
}

ValueId Graph::append_value(Value value) {
  values_.push_back(std::move(value));
  return static_cast<ValueId>(values_.size() - 1);
}

NodeId Graph::append_node(Node node) {
  const NodeId id = static_cast<NodeId>(nodes_.size());
  for (ValueId output : node.outputs) values_[output].producer = id;
  nodes_.push_back(std::move(node));
  return id;
}

Result<void> Graph::infer(NodeId id) {
  const Node& node = nodes_[id];
  std::vector<Value*> results;
  for (ValueId output : node.outputs) results.push_back(&values_[output]);
  return infer_node(*this, node, results);
}

namespace {

// In the place of a value that has gone: those behind it are still found.
constexpr ValueId kRemoved = kNone - 1;

}  // namespace

size_t Graph::find_slot(std::string_view name) const {
  // FNV-1a.
  uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  for (size_t slot = hash;; ++slot) {
    slot &= slots_.size() - 1;
    const ValueId id = slots_[slot];
    if (id == kNone || (id != kRemoved && values_[id].name == name)) return slot;
  }
}

void Graph::add_name(ValueId id) {
  // At least half of the slots are free.
  if (taken_slots_ * 2 >= slots_.size()) {
    slots_.assign(std::bit_ceil(4 * values_.size()), kNone);
    for (ValueId other = 0; other < values_.size(); ++other) slots_[find_slot(values_[other].name)] = other;
    taken_slots_ = values_.size();
    return;
  }
  slots_[find_slot(values_[id].name)] = id;
  ++taken_slots_;
}

void Graph::remove_name(ValueId id) {
  slots_[find_slot(values_[id].name)] = kRemoved;
}

ValueId Graph::find_value(std::string_view name) const {
  return slots_.empty() ? kNone : slots_[find_slot(name)];
}

std::string Graph::unique_name(std::string_view base) const {
  std::string name(base);
  if (find_value(name) == kNone) return name;
  const auto is_taken = [&](int suffix) {
    char number[16];
    format_text(number, ".%d", suffix);
    name.resize(base.size());
    name += number;
    return find_value(name) != kNone;
  };
  // Suffixes mostly follow each other, so that doubling and halving finds their end. Past the limit, which
  // only names that were made for it reach, they are tried one by one.
  constexpr int kMostDoubled = 1 << 24;
  int taken = 0, free = 1;
  for (; is_taken(free); free += free < kMostDoubled ? free : 1) taken = free;
  while (free - taken > 1) {
    const int middle = taken + (free - taken) / 2;
    (is_taken(middle) ? taken : free) = middle;
  }
  is_taken(free);
  return name;
}

void Graph::rename_value(ValueId id, std::string name) {
  CHECK(find_value(name) == kNone);
  remove_name(id);
  values_[id].name = std::move(name);
  add_name(id);
}

void Graph::replace_uses(ValueId from, ValueId to) {
  for (Node& node : nodes_) std::replace(node.inputs.begin(), node.inputs.end(), from, to);
  for (GraphPort& port : outputs)
    if (port.value == from) port.value = to;
}

std::vector<uint32_t> Graph::use_counts() const {
  std::vector<uint32_t> counts(values_.size());
  for (const Node& node : nodes_)
    for (ValueId input : node.inputs) ++counts[input];
  for (const GraphPort& port : outputs) ++counts[port.value];
  return counts;
}

void Graph::remove_nodes(const std::function<bool(const Node&)>& dead) {
  for (const Node& node : nodes_) {
    if (!dead(node)) continue;
    for (ValueId output : node.outputs) values_[output].producer = kNone;
  }
  std::erase_if(nodes_, [&](const Node& node) { return values_[node.outputs[0]].producer == kNone; });
  renumber();
}

void Graph::renumber() {
  for (NodeId id = 0; id < nodes_.size(); ++id)
    for (ValueId output : nodes_[id].outputs) values_[output].producer = id;
}

void Graph::drop_unused_constants() {
  const std::vector<uint32_t> counts = use_counts();
  for (ValueId id = 0; id < values_.size(); ++id)
    if (counts[id] == 0) values_[id].constant = {};
}

Result<void> Graph::sort() {
  // Depth first from each node in turn keeps nodes near those they feed; the stack is explicit because graphs
  // are deep.
  enum class Mark : uint8_t { New, Open, Done };
  std::vector<Mark> marks(nodes_.size(), Mark::New);
  std::vector<Node> sorted;
  sorted.reserve(nodes_.size());
  std::vector<std::pair<NodeId, size_t>> stack;
  for (NodeId root = 0; root < nodes_.size(); ++root) {
    if (marks[root] == Mark::Done) continue;
    stack.push_back({root, 0});
    marks[root] = Mark::Open;
    while (!stack.empty()) {
      auto& [id, next] = stack.back();
      if (next == nodes_[id].inputs.size()) {
        marks[id] = Mark::Done;
        sorted.push_back(nodes_[id]);
        stack.pop_back();
        continue;
      }
      const NodeId producer = values_[nodes_[id].inputs[next++]].producer;
      if (producer == kNone || marks[producer] == Mark::Done) continue;
      if (marks[producer] == Mark::Open)
        return fail(ErrorCode::Cycle, "%s depends on its own result", describe(nodes_[producer]).c_str());
      marks[producer] = Mark::Open;
      stack.push_back({producer, 0});
    }
  }
  nodes_ = std::move(sorted);
  renumber();
  return {};
}

}  // namespace linnet

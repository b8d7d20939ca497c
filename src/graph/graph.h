// The graph of a model: values, the nodes that compute them, and what goes in and out.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "graph/expr.h"
#include "graph/ranges.h"
#include "graph/type.h"

namespace linnet {

enum class Op : uint8_t {
#define LINNET_OP(name) name,
#include "graph/ops.def"
#undef LINNET_OP
};

enum class Attr : uint8_t {
#define LINNET_ATTR(name) name,
#include "graph/attrs.def"
#undef LINNET_ATTR
};
const char* attr_name(Attr attr);

using Ints = std::vector<int64_t>;
using AttrValue = std::variant<int64_t, float, bool, Ints, std::string, DType, Expr>;

// The attributes of one node, few, in the order of `Attr`. An absent one has the default its op declares.
class Attrs {
 public:
  void set(Attr key, AttrValue value);
  void remove(Attr key);
  const AttrValue* find(Attr key) const;
  bool has(Attr key) const { return find(key) != nullptr; }
  const std::vector<std::pair<Attr, AttrValue>>& all() const { return entries_; }

  // The value, or `fallback` where the attribute is absent. The verifier has checked that types match.
  int64_t get_int(Attr key, int64_t fallback) const;
  float get_float(Attr key, float fallback) const;
  bool get_bool(Attr key, bool fallback) const;
  // Empty where absent.
  std::span<const int64_t> get_ints(Attr key) const;
  std::string_view get_string(Attr key, std::string_view fallback) const;
  DType get_dtype(Attr key, DType fallback) const;
  const Expr* get_expr(Attr key) const;
  bool operator==(const Attrs&) const = default;

 private:
  std::vector<std::pair<Attr, AttrValue>> entries_;
};

using ValueId = uint32_t;
using NodeId = uint32_t;
inline constexpr uint32_t kNone = 0xffffffffu;

// A tensor of the graph: an input, a constant (then `constant` holds it), or the result of a node.
struct Value {
  std::string name;
  DType dtype = DType::F32;
  Shape shape;
  NodeId producer = kNone;
  Tensor constant;
  bool is_constant() const { return !constant.empty(); }
};

struct Node {
  Op op;
  std::string name;  // of the model's node, for messages; the verifier does not ask for it to be unique
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  Attrs attrs;
};

// A named end of the graph. The name is the one that the model's signature gives.
struct GraphPort {
  std::string name;
  ValueId value;
};

class Graph {
 public:
  std::vector<GraphPort> inputs;
  std::vector<GraphPort> outputs;
  // Empty: the graph was not calibrated.
  Ranges ranges;

  // Nodes in an order in which each comes after what it uses.
  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& node(NodeId id) const { return nodes_[id]; }
  Node& node(NodeId id) { return nodes_[id]; }
  const Value& value(ValueId id) const { return values_[id]; }
  Value& value(ValueId id) { return values_[id]; }
  size_t node_count() const { return nodes_.size(); }
  size_t value_count() const { return values_.size(); }

  // Adds a value that an input port will feed. A taken name gets a suffix, here and below.
  ValueId add_input(std::string name, DType dtype, const Shape& shape);
  ValueId add_constant(std::string name, Tensor tensor);
  // Appends a node and infers the types of its results. The first result takes `name`, result i `name:i`.
  // Fails with the op's own message, the node's name in front.
  Result<NodeId> add_node(Op op, std::string name, std::vector<ValueId> operands, Attrs attrs = {});
  // The same for a node of one result, and gives that result.
  Result<ValueId> add(Op op, std::string name, std::vector<ValueId> operands, Attrs attrs = {});

  // Appends a value that no name finds: ids alone tell it from others.
  ValueId append_value(Value value);
  // Appends a node whose results are values that are there already, with types that its shape rule gave
  // before.
  NodeId append_node(Node node);

  // The value called `name`, or kNone.
  ValueId find_value(std::string_view name) const;
  std::string unique_name(std::string_view base) const;
  // Gives a value another name, which must be free.
  void rename_value(ValueId id, std::string name);

  // Every use of `from`, by nodes and by outputs, becomes one of `to`.
  void replace_uses(ValueId from, ValueId to);
  // How often nodes and outputs use each value.
  std::vector<uint32_t> use_counts() const;
  // Drops the nodes for which `dead` says so; ids of nodes change, ids of values do not.
  void remove_nodes(const std::function<bool(const Node&)>& dead);
  // Forgets constants and the data of values that nothing uses.
  void drop_unused_constants();
  // Restores the order of nodes after a pass has appended some. Fails with Cycle, naming a node of it.
  Result<void> sort();

 private:
  ValueId add_value(std::string name, DType dtype, const Shape& shape, NodeId producer);
  Result<void> infer(NodeId id);
  // Values' producers, from the nodes.
  void renumber();

  // The slot of the value called `name`, or the free one where it belongs.
  size_t find_slot(std::string_view name) const;
  void add_name(ValueId id);
  void remove_name(ValueId id);

  std::vector<Node> nodes_;
  std::vector<Value> values_;
  // Every value by its name: a table of open addressing, a power of two long; kNone is free.
  std::vector<ValueId> slots_;
  size_t taken_slots_ = 0;  // by values and by those that have gone
};

// "node 'Conv1' (conv2d)": how messages name a node.
std::string describe(const Node& node);

}  // namespace linnet

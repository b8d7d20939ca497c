#include "formats/tfjs/graph_import.h"

#include <charconv>

#include "formats/tfjs/graph_op.h"
#include "formats/tfjs/input_shape.h"
#include "formats/tfjs/name_index.h"
#include "formats/tfjs/order.h"

namespace linnet {

namespace {

int length_of(std::string_view text) {
  return static_cast<int>(text.size());
}

// `name`, `name:output`, or `^name` for a control input.
struct TensorRef {
  std::string_view node;
  uint32_t output = 0;
  bool control = false;
};

TensorRef parse_ref(std::string_view text) {
  TensorRef ref{text, 0, text.starts_with('^')};
  if (ref.control) ref.node.remove_prefix(1);
  const size_t colon = ref.node.rfind(':');
  if (colon == std::string_view::npos) return ref;
  const std::string_view digits = ref.node.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ref.output);
  if (error == std::errc() && end == digits.data() + digits.size()) {
    ref.node = ref.node.substr(0, colon);
  } else {
    ref.output = 0;
  }
  return ref;
}

// An input or output of the signature, or one that stands in for it.
struct Port {
  std::string_view name;
  TensorRef tensor;
  Json declaration;  // of the signature; none without
};

struct Edge {
  uint32_t node;
  uint32_t output;
};

struct TopologyNode {
  std::string_view name;
  std::string_view op;
  Json attrs;
  std::vector<Edge> inputs;
};

bool is_placeholder(std::string_view op) {
  return op == "Placeholder" || op == "PlaceholderV2";
}

class GraphImporter {
 public:
  GraphImporter(Json root, Weights& weights, const TfjsOptions& options)
      : root_(root), weights_(weights), options_(options) {}

  Result<Graph> run() {
    TRY(read_nodes());
    TRY(read_signature());
    std::vector<uint32_t> roots;
    for (const Port& port : outputs_) {
      TRY_ASSIGN(const uint32_t node, find_node(port));
      roots.push_back(node);
    }
    if (roots.empty()) return fail(ErrorCode::MalformedModel, "the model has no outputs");
    TRY(add_inputs());
    std::vector<std::vector<uint32_t>> needs(nodes_.size());
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (!values_[i].empty()) continue;  // an input of the model needs nothing
      for (const Edge& edge : nodes_[i].inputs) needs[i].push_back(edge.node);
    }
    const ImportOrder order = import_order(needs, roots);
    if (order.cycle != UINT32_MAX) return cycle(nodes_[order.cycle]);
    for (const uint32_t node : order.nodes) TRY(import_node(node));
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const std::string label = "output '" + std::string(outputs_[i].name) + "'";
      TRY_ASSIGN(const ValueId value, value_of({roots[i], outputs_[i].tensor.output}, label));
      TRY(builder_.add_output(outputs_[i].name, value));
    }
    TRY(check_input_names(builder_.graph, options_));
    return std::move(builder_.graph);
  }

 private:
  Result<void> read_nodes() {
    TRY_ASSIGN(const Json topology, root_.member("modelTopology"));
    TRY_ASSIGN(const Json list, topology.member("node"));
    TRY(list.expect_array());
    if (list.size() > Builder::kMaxNodes)
      return fail(ErrorCode::TooLarge, "the model has %zu nodes; at most %zu are read", list.size(),
                  Builder::kMaxNodes);
    nodes_.reserve(list.size());
    for (size_t i = 0; i < list.size(); ++i) {
      TopologyNode node;
      TRY_ASSIGN(const Json name, list[i].member("name"));
      TRY_ASSIGN(node.name, name.string());
      TRY_ASSIGN(const Json op, list[i].member("op"));
      TRY_ASSIGN(node.op, op.string());
      node.attrs = list[i]["attr"];
      index_.add(node.name, i);
      nodes_.push_back(std::move(node));
    }
    const std::string_view twice = index_.twice();
    if (twice.data() != nullptr)
      return fail(ErrorCode::MalformedModel, "two nodes are called '%.*s'", length_of(twice), twice.data());
    for (size_t i = 0; i < list.size(); ++i) TRY(read_inputs(list[i]["input"], nodes_[i]));
    values_.resize(nodes_.size());
    return {};
  }

  // The loops of TensorFlow's control flow are cycles, and better named by their op.
  static std::unexpected<Error> cycle(const TopologyNode& node) {
    for (const char* op : {"Enter", "Merge", "Switch", "NextIteration", "LoopCond", "Exit"})
      if (node.op == op) return unsupported(node);
    return fail(ErrorCode::Cycle, "node '%.*s' depends on itself", length_of(node.name), node.name.data());
  }

  static std::unexpected<Error> unsupported(const TopologyNode& node) {
    return fail(ErrorCode::UnsupportedOp, "op '%.*s' of node '%.*s' is not supported", length_of(node.op),
                node.op.data(), length_of(node.name), node.name.data());
  }

  Result<void> read_inputs(Json inputs, TopologyNode& node) {
    if (inputs) TRY(inputs.expect_array());
    for (size_t i = 0; i < inputs.size(); ++i) {
      TRY_ASSIGN(const std::string_view text, inputs[i].string());
      const TensorRef ref = parse_ref(text);
      if (ref.control) continue;
      const size_t found = index_.find(ref.node);
      if (found == SIZE_MAX)
        return fail(ErrorCode::MissingNode, "node '%.*s' uses '%.*s', which the model does not have",
                    length_of(node.name), node.name.data(), length_of(text), text.data());
      node.inputs.push_back({static_cast<uint32_t>(found), ref.output});
    }
    return {};
  }

  static Result<void> read_ports(Json declared, std::vector<Port>& ports) {
    if (declared) TRY(declared.expect_object());
    for (size_t i = 0; i < declared.size(); ++i) {
      Port port{declared.key(i), parse_ref(declared.key(i)), declared[i]};
      if (const Json name = port.declaration["name"]) {
        TRY_ASSIGN(const std::string_view tensor, name.string());
        port.tensor = parse_ref(tensor);
      }
      ports.push_back(port);
    }
    return {};
  }

  Result<void> read_signature() {
    // Newer converters put it at the top, others under the metadata, which TensorFlow.js reads first.
    Json signature = root_["userDefinedMetadata"]["signature"];
    if (!signature) signature = root_["signature"];
    if (!signature) signature = root_["modelTopology"]["signature"];
    TRY(read_ports(signature["inputs"], inputs_));
    TRY(read_ports(signature["outputs"], outputs_));
    if (inputs_.empty()) {
      for (const TopologyNode& node : nodes_)
        if (is_placeholder(node.op)) inputs_.push_back({node.name, {node.name}, {}});
    }
    if (!outputs_.empty()) return {};
    std::vector<bool> used(nodes_.size());
    for (const TopologyNode& node : nodes_)
      for (const Edge& edge : node.inputs) used[edge.node] = true;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const TopologyNode& node = nodes_[i];
      if (!used[i] && node.op != "Const" && node.op != "NoOp" && !is_placeholder(node.op))
        outputs_.push_back({node.name, {node.name}, {}});
    }
    return {};
  }

  Result<uint32_t> find_node(const Port& port) const {
    const size_t found = index_.find(port.tensor.node);
    if (found == SIZE_MAX)
      return fail(
          ErrorCode::MissingNode, "the signature's '%.*s' is node '%.*s', which the model does not have",
          length_of(port.name), port.name.data(), length_of(port.tensor.node), port.tensor.node.data());
    return static_cast<uint32_t>(found);
  }

  Result<void> add_inputs() {
    for (const Port& port : inputs_) {
      TRY_ASSIGN(const uint32_t node, find_node(port));
      if (!is_placeholder(nodes_[node].op) && nodes_[node].op != "PlaceholderWithDefault")
        return fail(ErrorCode::MalformedModel,
                    "the signature's input '%.*s' is node '%.*s' (%.*s), not a Placeholder",
                    length_of(port.name), port.name.data(), length_of(nodes_[node].name),
                    nodes_[node].name.data(), length_of(nodes_[node].op), nodes_[node].op.data());
      if (!values_[node].empty())
        return fail(ErrorCode::MalformedModel, "the signature lists node '%.*s' as two inputs",
                    length_of(nodes_[node].name), nodes_[node].name.data());
      TRY(add_input(port, node));
    }
    return {};
  }

  Result<void> add_input(const Port& port, uint32_t index) {
    const TopologyNode& node = nodes_[index];
    DeclaredInput input;
    input.port = port.name;
    input.node = node.name;
    Json type = node.attrs["dtype"]["type"];
    if (!type) type = port.declaration["dtype"];
    if (type) {
      TRY_ASSIGN(input.dtype, tf_dtype(type));
    }
    TRY(read_shape(node.attrs["shape"]["shape"], input));
    DeclaredInput signature;
    TRY(read_shape(port.declaration["tensorShape"], signature));
    if (!input.rank_known) {
      input.rank_known = signature.rank_known;
      input.dims = std::move(signature.dims);
    } else if (signature.dims.size() == input.dims.size()) {
      for (size_t i = 0; i < input.dims.size(); ++i)
        if (input.dims[i] == -1) input.dims[i] = signature.dims[i];
    }
    TRY_ASSIGN(const Shape shape, settle_input_shape(input, options_));
    TRY_ASSIGN(const ValueId value, builder_.add_input(port.name, node.name, input.dtype, shape));
    values_[index].push_back(value);
    return {};
  }

  // A TensorShapeProto. Writers leave the dimensions out both for a scalar and, some, for an unknown rank; a
  // scalar input is the rarer, so it must be declared by an empty list.
  static Result<void> read_shape(Json shape, DeclaredInput& input) {
    for (const char* key : {"unknownRank", "unknown_rank"}) {
      if (!shape[key]) continue;
      TRY_ASSIGN(const bool unknown, shape[key].boolean());
      if (unknown) return {};
    }
    const Json dims = shape["dim"];
    if (!dims) return {};
    TRY(dims.expect_array());
    input.rank_known = true;
    for (size_t i = 0; i < dims.size(); ++i) {
      int64_t size = -1;
      if (const Json stated = dims[i]["size"]) {
        TRY_ASSIGN(size, stated.integer());
      }
      input.dims.push_back(size);
    }
    return {};
  }

  Result<ValueId> value_of(const Edge& edge, std::string_view user) const {
    const std::vector<ValueId>& values = values_[edge.node];
    if (edge.output < values.size()) return values[edge.output];
    const std::string_view name = nodes_[edge.node].name, op = nodes_[edge.node].op;
    return fail(ErrorCode::MissingNode,
                "%.*s uses output %u of node '%.*s' (%.*s), of which %zu are supported", length_of(user),
                user.data(), edge.output, length_of(name), name.data(), length_of(op), op.data(),
                values.size());
  }

  Result<void> import_node(uint32_t index) {
    if (!values_[index].empty()) return {};
    const TopologyNode& node = nodes_[index];
    if (node.op == "Const") return import_const(index);
    if (is_placeholder(node.op)) return add_input({node.name, {node.name}, {}}, index);
    const GraphOpImport* entry = find_graph_op(node.op);
    if (entry == nullptr) return unsupported(node);
    const std::string label = "node '" + std::string(node.name) + "'";
    std::vector<ValueId> inputs;
    for (const Edge& edge : node.inputs) {
      TRY_ASSIGN(const ValueId value, value_of(edge, label));
      inputs.push_back(value);
    }
    GraphOp op(builder_, node.name, node.op, node.attrs, std::move(inputs));
    if (op.input_count() < entry->min_inputs ||
        (entry->max_inputs != kAnyNumber && op.input_count() > entry->max_inputs))
      return op.error(ErrorCode::MalformedModel, "has %zu inputs, needs %d", op.input_count(),
                      entry->min_inputs);
    TRY(entry->import(op));
    values_[index] = op.outputs();
    return {};
  }

  Result<void> import_const(uint32_t index) {
    const std::string_view name = nodes_[index].name;
    const size_t weight = weights_.find(name);
    if (weight == SIZE_MAX)
      return fail(ErrorCode::MissingWeight, "the weights manifest does not list node '%.*s' (Const)",
                  length_of(name), name.data());
    TRY_ASSIGN(Tensor tensor, weights_.tensor(weight));
    values_[index].push_back(builder_.constant(name, std::move(tensor)));
    return {};
  }

  Json root_;
  Weights& weights_;
  const TfjsOptions& options_;
  Builder builder_;
  std::vector<TopologyNode> nodes_;
  NameIndex index_;
  std::vector<Port> inputs_, outputs_;
  std::vector<std::vector<ValueId>> values_;  // of each node that has been imported
};

}  // namespace

Result<Graph> import_graph_model(Json root, Weights& weights, const TfjsOptions& options) {
  return GraphImporter(root, weights, options).run();
}

}  // namespace linnet

#include <array>
#include <cmath>

#include "passes/match.h"
#include "passes/passes.h"

namespace linnet {

namespace {

// An elementwise expression over several nodes, down to what is not elementwise: the leaves.
constexpr size_t kMostLeaves = 5, kMostNodes = 24;

struct Leaves {
  std::array<ValueId, kMostLeaves> ids;
  std::array<double, kMostLeaves> values;
  size_t count = 0;

  size_t find(ValueId id) const {
    size_t i = 0;
    while (i < count && ids[i] != id) ++i;
    return i;
  }
};

const Node* elementwise_producer(const Graph& graph, ValueId id) {
  const NodeId producer = graph.value(id).producer;
  if (producer == kNone || graph.node(producer).op != Op::elementwise) return nullptr;
  return is_all_f32(graph, graph.node(producer)) ? &graph.node(producer) : nullptr;
}

// Gathers the leaves of `id`, of which `x` is one wherever it comes from. False when there are too many, or
// nodes.
bool gather(const Graph& graph, ValueId id, ValueId x, Leaves& leaves, size_t& nodes) {
  const Node* node = id == x ? nullptr : elementwise_producer(graph, id);
  if (node == nullptr) {
    if (leaves.find(id) < leaves.count) return true;
    if (leaves.count == kMostLeaves) return false;
    leaves.ids[leaves.count++] = id;
    return true;
  }
  if (++nodes > kMostNodes) return false;
  for (ValueId input : node->inputs)
    if (!gather(graph, input, x, leaves, nodes)) return false;
  return true;
}

// The value of `id` for the leaves' values.
double evaluate(const Graph& graph, ValueId id, const Leaves& leaves) {
  if (const size_t leaf = leaves.find(id); leaf < leaves.count) return leaves.values[leaf];
  const Node& node = graph.node(graph.value(id).producer);
  double operands[Expr::kMaxInputs];
  for (size_t i = 0; i < node.inputs.size(); ++i) operands[i] = evaluate(graph, node.inputs[i], leaves);
  return node.attrs.get_expr(Attr::expr)->evaluate(operands);
}

// `id` is a mean over the last axis that keeps its dimensions: gives what it is the mean of, or kNone.
ValueId averaged(const Graph& graph, ValueId id) {
  const NodeId producer = graph.value(id).producer;
  if (producer == kNone || graph.node(producer).op != Op::reduce) return kNone;
  const Node& node = graph.node(producer);
  const Shape& x = graph.value(node.inputs[0]).shape;
  const std::span<const int64_t> axes = node.attrs.get_ints(Attr::axes);
  const bool last =
      axes.size() == 1 && axes[0] == x.rank() - 1 && node.attrs.get_bool(Attr::keep_dims, false);
  return last && node.attrs.get_string(Attr::mode, "") == "mean" && is_all_f32(graph, node) ? node.inputs[0]
                                                                                            : kNone;
}

// Points at which two expressions are compared; no formula that a model would hold agrees with another one at
// all of them by chance.
constexpr std::array<std::array<double, kMostLeaves>, 4> kPoints{{{1.7, -0.6, 2.3, 0.9, -1.4},
                                                                  {-2.1, 0.8, 0.4, -1.9, 0.3},
                                                                  {0.35, 2.6, 5.1, 1.2, 2.2},
                                                                  {-0.9, -1.3, 1.1, 3.7, -0.7}}};

bool near(double a, double b) {
  return std::abs(a - b) <= 1e-6 * (1 + std::abs(b));
}

struct Norm {
  ValueId x, mean, variance;  // mean: kNone for rms
  ValueId gamma, beta;        // kNone where there is none
  float epsilon;
};

// What x, mean, variance, gamma and beta are among the leaves; sets their values.
struct Roles {
  const Norm& norm;
  void set(Leaves& leaves, double x, double mean, double variance, double gamma, double beta) const {
    const auto put = [&](ValueId id, double value) {
      if (id != kNone) leaves.values[leaves.find(id)] = value;
    };
    put(norm.x, x);
    put(norm.mean, mean);
    put(norm.variance, variance);
    put(norm.gamma, gamma);
    put(norm.beta, beta);
  }
};

// Whether the value at the mean's operand is (x - mean)^2, or x^2.
bool is_squared_difference(const Graph& graph, ValueId id, const Norm& norm) {
  Leaves leaves;
  size_t nodes = 0;
  if (!gather(graph, id, norm.x, leaves, nodes)) return false;
  for (size_t i = 0; i < leaves.count; ++i)
    if (leaves.ids[i] != norm.x && leaves.ids[i] != norm.mean) return false;
  if (leaves.find(norm.x) == leaves.count) return false;
  for (const auto& [x, mean, variance, gamma, beta] : kPoints) {
    for (size_t i = 0; i < leaves.count; ++i) leaves.values[i] = leaves.ids[i] == norm.x ? x : mean;
    const double difference = x - (norm.mean == kNone ? 0 : mean);
    if (!near(evaluate(graph, id, leaves), difference * difference)) return false;
  }
  return true;
}

// Whether `y` is the norm with these roles; finds its epsilon.
bool is_norm(const Graph& graph, ValueId y, Leaves leaves, Norm* norm) {
  const Roles roles{*norm};
  roles.set(leaves, 1, 0, 0, 1, 0);
  const double at_zero = evaluate(graph, y, leaves);
  const double epsilon = 1 / (at_zero * at_zero);
  if (!(epsilon > 0 && epsilon < 1)) return false;
  norm->epsilon = static_cast<float>(epsilon);
  for (const auto& [x, mean, variance, gamma, beta] : kPoints) {
    roles.set(leaves, x, mean, variance, gamma, beta);
    const double centred = x - (norm->mean == kNone ? 0 : mean);
    const double expected = centred / std::sqrt(variance + epsilon) * (norm->gamma == kNone ? 1 : gamma) +
                            (norm->beta == kNone ? 0 : beta);
    if (!near(evaluate(graph, y, leaves), expected)) return false;
  }
  return true;
}

// The norm of `x` that `y` is, if it is one.
std::optional<Norm> match_norm_of(const Graph& graph, ValueId y, ValueId x) {
  Leaves leaves;
  size_t nodes = 0;
  if (!gather(graph, y, x, leaves, nodes) || leaves.find(x) == leaves.count) return std::nullopt;
  const Shape& shape = graph.value(y).shape;
  Norm norm{x, kNone, kNone, kNone, kNone, 0};
  ValueId means[2] = {kNone, kNone}, constants[2] = {kNone, kNone};
  for (size_t i = 0; i < leaves.count; ++i) {
    const ValueId id = leaves.ids[i];
    if (id == x) continue;
    const bool is_mean = averaged(graph, id) != kNone;
    if (!is_mean && channel_constant(graph, id, shape).empty()) return std::nullopt;
    ValueId* slots = is_mean ? means : constants;
    if (slots[1] != kNone) return std::nullopt;
    slots[slots[0] != kNone ? 1 : 0] = id;
  }
  if (means[0] == kNone) return std::nullopt;
  for (int swapped = 0; swapped < 2; ++swapped) {
    norm.variance = means[swapped];
    norm.mean = means[1 - swapped];
    if (norm.variance == kNone || (norm.mean != kNone && averaged(graph, norm.mean) != norm.x) ||
        !is_squared_difference(graph, averaged(graph, norm.variance), norm))
      continue;
    for (int other = 0; other < 2; ++other) {
      norm.gamma = constants[other];
      norm.beta = constants[1 - other];
      if (is_norm(graph, y, leaves, &norm)) return norm;
    }
  }
  return std::nullopt;
}

// What the means in the expression of `id`, at most `depth` nodes down, are the means of.
void find_averaged(const Graph& graph, ValueId id, int depth, std::vector<ValueId>& found) {
  if (const ValueId operand = averaged(graph, id); operand != kNone) found.push_back(operand);
  const Node* node = depth == 0 ? nullptr : elementwise_producer(graph, id);
  if (node == nullptr) return;
  for (ValueId input : node->inputs) find_averaged(graph, input, depth - 1, found);
}

// The norm that `y` is, if it is one. What is normalised goes into the mean of squares, in one step or two.
std::optional<Norm> match_norm(const Graph& graph, ValueId y) {
  constexpr int kDepth = 3;
  const Shape& shape = graph.value(y).shape;
  const auto attempt = [&](ValueId x) -> std::optional<Norm> {
    return graph.value(x).shape == shape && !graph.value(x).is_constant() ? match_norm_of(graph, y, x)
                                                                          : std::nullopt;
  };
  std::vector<ValueId> squares;
  find_averaged(graph, y, kDepth, squares);
  for (ValueId square : squares) {
    const Node* node = elementwise_producer(graph, square);
    if (node == nullptr) continue;
    for (ValueId input : node->inputs) {
      // x - mean first: it is a norm too, of mode rms.
      if (const Node* before = elementwise_producer(graph, input))
        for (ValueId x : before->inputs)
          if (const auto norm = attempt(x)) return norm;
      if (const auto norm = attempt(input)) return norm;
    }
  }
  return std::nullopt;
}

Result<ValueId> vector_of(Graph& graph, ValueId id, const Shape& shape, float otherwise,
                          const std::string& name) {
  const std::vector<float> values = id == kNone
                                        ? std::vector<float>(static_cast<size_t>(shape.back()), otherwise)
                                        : channel_constant(graph, id, shape);
  TRY_ASSIGN(Tensor tensor, Tensor::of_f32(Shape{shape.back()}, values));
  return graph.add_constant(name, std::move(tensor));
}

}  // namespace

Result<int> fuse_norms(Graph& graph) {
  int rewrites = 0;
  const auto count = static_cast<NodeId>(graph.node_count());
  for (NodeId id = 0; id < count; ++id) {
    const ValueId y = graph.node(id).outputs[0];
    const Shape shape = graph.value(y).shape;
    if (shape.rank() == 0 || elementwise_producer(graph, y) == nullptr) continue;
    const std::optional<Norm> norm = match_norm(graph, y);
    if (!norm) continue;
    const std::string name = graph.node(id).name;
    TRY_ASSIGN(const ValueId gamma, vector_of(graph, norm->gamma, shape, 1, name + "/gamma"));
    TRY_ASSIGN(const ValueId beta, vector_of(graph, norm->beta, shape, 0, name + "/beta"));
    Attrs attrs;
    attrs.set(Attr::mode, std::string(norm->mean == kNone ? "rms" : "layer"));
    attrs.set(Attr::epsilon, norm->epsilon);
    TRY_ASSIGN(const ValueId result,
               graph.add(Op::layer_norm, name + "/norm", {norm->x, gamma, beta}, std::move(attrs)));
    graph.replace_uses(y, result);
    ++rewrites;
  }
  if (rewrites == 0) return 0;
  TRY(graph.sort());
  TRY(eliminate_dead_code(graph));
  graph.drop_unused_constants();
  return rewrites;
}

}  // namespace linnet

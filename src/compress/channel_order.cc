#include "compress/channel_order.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "compress/least_squares.h"

namespace linnet {

namespace {

std::vector<int32_t> ascending(const std::vector<double>& scores) {
  std::vector<int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, [&](int32_t a, int32_t b) {
    return std::pair(scores[static_cast<size_t>(a)], a) < std::pair(scores[static_cast<size_t>(b)], b);
  });
  return order;
}

std::vector<double> activation_scores(const ChannelGroup& group,
                                      const std::vector<const ConsumerStatistics*>& statistics) {
  std::vector<double> scores(static_cast<size_t>(group.channels), 0.0);
  for (size_t i = 0; i < statistics.size(); ++i)
    for (size_t c = 0; c < scores.size(); ++c)
      for (int32_t row : group.consumers[i].rows[c])
        scores[c] += statistics[i]->covariance(row, row) * statistics[i]->weights.row(row).squaredNorm() /
                     std::max(statistics[i]->variance, 1e-30);
  return scores;
}

std::vector<int32_t> eliminate(const ChannelGroup& group,
                               const std::vector<const ConsumerStatistics*>& statistics) {
  std::vector<BackwardElimination> consumers;
  for (const ConsumerStatistics* one : statistics)
    consumers.emplace_back(one->covariance, one->weights, kOrderRidge);
  std::vector<int32_t> order, left(static_cast<size_t>(group.channels));
  std::iota(left.begin(), left.end(), 0);
  while (!left.empty()) {
    size_t best = 0;
    double best_cost = INFINITY;
    for (size_t k = 0; k < left.size(); ++k) {
      double cost = 0;
      for (size_t i = 0; i < consumers.size(); ++i)
        cost += consumers[i].cost(group.consumers[i].rows[static_cast<size_t>(left[k])]) /
                std::max(statistics[i]->variance, 1e-30);
      if (cost < best_cost) {
        best_cost = cost;
        best = k;
      }
    }
    for (size_t i = 0; i < consumers.size(); ++i)
      consumers[i].remove(group.consumers[i].rows[static_cast<size_t>(left[best])]);
    order.push_back(left[best]);
    left.erase(left.begin() + static_cast<ptrdiff_t>(best));
  }
  return order;
}

}  // namespace

bool criterion_from_name(std::string_view name, PruneCriterion* criterion) {
  constexpr std::string_view kNames[] = {"l1", "l2", "activation", "reconstruction"};
  for (size_t i = 0; i < std::size(kNames); ++i)
    if (kNames[i] == name) {
      *criterion = static_cast<PruneCriterion>(i);
      return true;
    }
  return false;
}

std::vector<double> channel_norms(const Graph& graph, const ChannelGroup& group, bool squared) {
  std::vector<double> norms(static_cast<size_t>(group.channels), 0.0);
  for (NodeId id : group.producers) {
    const Node& node = graph.node(id);
    const Tensor& tensor = graph.value(node.inputs[1]).constant;
    const int axis = node.op == Op::conv2d_transpose ? 2 : product_weights(graph, node).output_axis;
    int64_t inner = 1;
    for (int i = axis + 1; i < tensor.shape().rank(); ++i) inner *= tensor.shape()[i];
    std::vector<double> sums(norms.size(), 0.0);
    for (int64_t i = 0; i < tensor.shape().elements(); ++i) {
      const double weight = tensor.at(i);
      sums[static_cast<size_t>(i / inner % group.channels)] += squared ? weight * weight : std::abs(weight);
    }
    const double total = std::accumulate(sums.begin(), sums.end(), 0.0);
    for (size_t c = 0; c < norms.size() && total > 0; ++c) norms[c] += sums[c] / total;
  }
  return norms;
}

NodeId last_product(const Graph& graph) {
  NodeId last = kNone;
  for (NodeId id = 0; id < graph.node_count(); ++id)
    if (product_weights(graph, graph.node(id)).weights != kNone) last = id;
  return last;
}

ValueId averaged_value(const Graph& graph, const Node& product) {
  ValueId value = product.inputs[0];
  if (product.op != Op::matmul) return value;
  const int32_t channels = graph.value(value).shape.back();
  for (;;) {
    const NodeId id = graph.value(value).producer;
    if (id == kNone) break;
    const Node& node = graph.node(id);
    const Shape& input = graph.value(node.inputs[0]).shape;
    if (input.rank() == 0 || input.back() != channels) break;
    if (node.op == Op::reduce && node.attrs.get_string(Attr::mode, "") == "mean") return node.inputs[0];
    if (node.op != Op::reshape) break;
    value = node.inputs[0];
  }
  return product.inputs[0];
}

std::vector<int32_t> removal_order(const Graph& graph, const ChannelGroup& group,
                                   const std::vector<const ConsumerStatistics*>& statistics,
                                   PruneCriterion criterion) {
  switch (criterion) {
    case PruneCriterion::L1:
      return ascending(channel_norms(graph, group, false));
    case PruneCriterion::L2:
      return ascending(channel_norms(graph, group, true));
    case PruneCriterion::Activation:
      return ascending(activation_scores(group, statistics));
    case PruneCriterion::Reconstruction:
      break;
  }
  return eliminate(group, statistics);
}

std::vector<int32_t> kept_rows(const ChannelConsumer& consumer, int64_t weight_rows,
                               const std::vector<int32_t>& order, size_t removed) {
  std::vector<bool> gone(static_cast<size_t>(weight_rows), false);
  for (size_t i = 0; i < removed; ++i)
    for (int32_t row : consumer.rows[static_cast<size_t>(order[i])]) gone[static_cast<size_t>(row)] = true;
  std::vector<int32_t> rows;
  for (size_t row = 0; row < gone.size(); ++row)
    if (!gone[row]) rows.push_back(static_cast<int32_t>(row));
  return rows;
}

}  // namespace linnet

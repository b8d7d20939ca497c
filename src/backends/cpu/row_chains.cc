#include "backends/cpu/row_chains.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "backends/cpu/epilogue.h"
#include "backends/cpu/lower/gemm_step.h"
#include "graph/op_def.h"
#include "ops/window.h"
#include "plan/memory_planner.h"

namespace linnet::cpu {

namespace {

// The cost model counts multiply-adds, or what takes as long. Its figures are rough; what they decide is only
// whether a chain takes about as long as its nodes one by one.
constexpr double kStageCost = 2000;       // to start a kernel for one group of rows
constexpr double kWeightByteCost = 0.5;   // to bring a weight from the second-level cache once more
constexpr double kMemoryByteCost = 0.05;  // to write and read a byte of a tensor that no cache holds
constexpr uint64_t kCacheBytes = 2 << 20;
// Rows that a chain holds should stay in a second-level cache. Lower limits are tried too: every thread has
// its own.
constexpr uint64_t kMostHeldBytes = 384 * 1024;
constexpr uint64_t kLeastHeldBytes = 24 * 1024;
constexpr uint32_t kMostGroupRows = 16;
// The share of its work that a chain, and all chains of a model, may take longer.
constexpr double kChainTolerance = 0.06;
constexpr double kModelTolerance = 0.01;
// Pixels that a product computes at once, as a unit of its speed on every target.
constexpr uint32_t kTilePixels = 4;
constexpr uint32_t kBlockPixels = 128;

constexpr uint32_t divide_up(uint32_t a, uint32_t b) {
  return (a + b - 1) / b;
}

// What a node is to a chain.
struct RowNode {
  RowStage window;
  uint32_t batch;
  uint32_t width;         // of its result
  uint64_t row_bytes;     // of its result
  double macs;            // for one row of it
  uint64_t weight_bytes;  // that every block of pixels reads anew

  uint64_t bytes() const { return uint64_t{batch} * window.out_h * row_bytes; }
};

// Nothing for a node whose kernel does not compute single rows.
std::optional<RowNode> row_node(const Graph& graph, const Node& node) {
  const bool is_product = node.op == Op::conv2d && has_constant_weights(graph, node);
  const bool is_depthwise = node.op == Op::depthwise_conv2d && has_depthwise_kernel(graph, node);
  if (!is_product && !is_depthwise) return std::nullopt;
  const Expr* epilogue = node.attrs.get_expr(Attr::epilogue);
  if (epilogue != nullptr && !as_clamp(*epilogue) && !has_row_epilogue(graph, node)) return std::nullopt;
  const Value& weights = graph.value(node.inputs[1]);
  const Shape& y = graph.value(node.outputs[0]).shape;
  if (y.elements() == 0) return std::nullopt;
  const Window window =
      window_of(node.attrs, graph.value(node.inputs[0]).shape, weights.shape[0], weights.shape[1]);
  RowNode result{};
  result.window.in_h = static_cast<uint32_t>(window.y.input);
  result.window.out_h = static_cast<uint32_t>(window.y.output);
  result.window.stride = static_cast<uint32_t>(window.y.stride);
  result.window.extent = static_cast<uint32_t>(window.y.extent());
  result.window.pad = window.y.pad_before;
  result.batch = static_cast<uint32_t>(y[0]);
  result.width = static_cast<uint32_t>(y[2]);
  result.row_bytes = static_cast<uint64_t>(y[2]) * y[3] * sizeof(float);
  result.macs = static_cast<double>(node_macs(graph, node)) / (y[0] * y[1]);
  result.weight_bytes = is_product ? static_cast<uint64_t>(weights.shape.elements()) * sizeof(float) : 0;
  return result;
}

// A chain and what running it costs beyond its nodes one by one, on the busiest thread.
struct Candidate {
  RowChain chain;
  double cost = 0;
  double work = 0;  // multiply-adds of all its nodes
};

class Chooser {
 public:
  Chooser(const Graph& graph, int threads) : graph_(graph), threads_(static_cast<uint32_t>(threads)) {
    for (const Node& node : graph.nodes()) rows_.push_back(row_node(graph, node));
    find_runs();
  }

  std::vector<RowChain> everywhere() const {
    std::vector<Candidate> all;
    for (const std::vector<NodeId>& run : runs_)
      for (size_t begin = 0; begin < run.size(); begin += kMostChainStages) {
        const size_t count = std::min<size_t>(run.size() - begin, kMostChainStages);
        if (count > 1) all.push_back(best_candidate(std::span(run).subspan(begin, count), kMostHeldBytes));
      }
    return sorted(std::move(all));
  }

  std::vector<RowChain> where_it_pays() const {
    std::vector<Candidate> best;
    for (uint64_t held = kMostHeldBytes; held >= kLeastHeldBytes; held /= 2) {
      std::vector<Candidate> all = with_held_bytes(held);
      if (memory_of(all) < memory_of(best)) best = std::move(all);
    }
    return sorted(std::move(best));
  }

 private:
  // The chains that save most memory with at most so much held by each.
  std::vector<Candidate> with_held_bytes(uint64_t most) const {
    std::vector<Candidate> all;
    for (const std::vector<NodeId>& run : runs_) cut(run, most, all);
    split_where_free(most, all);
    double work = 0;
    for (const Node& node : graph_.nodes()) work += static_cast<double>(node_macs(graph_, node));
    while (total_cost(all) > kModelTolerance * work / threads_)
      all.erase(std::ranges::max_element(all, {}, &Candidate::cost));
    return all;
  }

  // Nodes that may be chained, as long as it goes.
  void find_runs() {
    const std::vector<uint32_t> uses = graph_.use_counts();
    std::vector<size_t> run_of(graph_.node_count());
    for (NodeId id = 0; id < graph_.node_count(); ++id) {
      if (!rows_[id]) continue;
      const ValueId x = graph_.node(id).inputs[0];
      const NodeId before = graph_.value(x).producer;
      if (before != kNone && rows_[before] && uses[x] == 1) {
        run_of[id] = run_of[before];
      } else {
        run_of[id] = runs_.size();
        runs_.emplace_back();
      }
      runs_[run_of[id]].push_back(id);
    }
  }

  Candidate candidate(std::span<const NodeId> nodes, uint32_t group_rows) const {
    Candidate result;
    RowChain& chain = result.chain;
    const RowNode& last = *rows_[nodes.back()];
    const uint32_t rows = last.batch * last.window.out_h;
    const double groups = divide_up(divide_up(rows, threads_), group_rows);
    chain.name = graph_.node(nodes.front()).name + " .. " + graph_.node(nodes.back()).name;
    chain.nodes.assign(nodes.begin(), nodes.end());
    chain.group_rows = group_rows;
    chain.windows.resize(nodes.size());
    chain.fresh_rows.resize(nodes.size());
    chain.held_rows.resize(nodes.size() - 1);
    uint32_t needed = group_rows, fresh = group_rows;
    for (size_t i = nodes.size(); i-- > 0;) {
      const RowNode& node = *rows_[nodes[i]];
      needed = std::min(needed, node.window.out_h);
      fresh = std::min(fresh, needed);
      chain.windows[i] = node.window;
      chain.fresh_rows[i] = fresh;
      const double node_work = node.macs * node.batch * node.window.out_h;
      const uint32_t pixels = fresh * node.width;
      const double tiles = static_cast<double>(divide_up(pixels, kTilePixels)) * kTilePixels / pixels;
      const double blocks = divide_up(node.batch * node.window.out_h * node.width, kBlockPixels * threads_);
      result.work += node_work;
      result.cost += kStageCost * groups;
      if (node.weight_bytes > 0) {
        result.cost += (tiles - 1) * node_work / threads_;
        const double again = groups * divide_up(pixels, kBlockPixels) - blocks;
        result.cost += std::max(again, 0.0) * kWeightByteCost * static_cast<double>(node.weight_bytes);
      }
      if (i + 1 < nodes.size()) {
        chain.held_rows[i] = needed;
        chain.held_bytes += align_up(needed * node.row_bytes, kTensorAlignment);
        // All threads but the first begin in the middle.
        if (threads_ > 1) result.cost += (needed - fresh) * node.macs;
        if (node.bytes() > kCacheBytes)
          result.cost -= kMemoryByteCost * static_cast<double>(node.bytes()) / threads_;
      }
      needed = (needed - 1) * node.window.stride + node.window.extent;
      fresh *= node.window.stride;
    }
    return result;
  }

  // With the number of rows at a time that suits it.
  Candidate best_candidate(std::span<const NodeId> nodes, uint64_t most_held) const {
    Candidate best = candidate(nodes, 1);
    const auto total = [this](const Candidate& c) {
      return c.cost + 0.05 * threads_ * static_cast<double>(c.chain.held_bytes);
    };
    for (uint32_t rows = 2; rows <= std::min(kMostGroupRows, rows_[nodes.back()]->window.out_h); ++rows) {
      Candidate other = candidate(nodes, rows);
      if (other.chain.held_bytes > most_held) break;
      if (total(other) < total(best)) best = std::move(other);
    }
    return best;
  }

  bool acceptable(const Candidate& c, uint64_t most_held) const {
    return c.chain.held_bytes <= most_held && c.cost <= kChainTolerance * c.work / threads_;
  }

  // The bytes that never lie in the arena.
  double saved_bytes(const RowChain& chain) const {
    uint64_t bytes = 0;
    for (size_t i = 0; i + 1 < chain.nodes.size(); ++i) bytes += rows_[chain.nodes[i]]->bytes();
    return static_cast<double>(bytes);
  }

  // Cuts a run into chains so that as little as possible goes through the arena.
  void cut(const std::vector<NodeId>& run, uint64_t most_held, std::vector<Candidate>& all) const {
    std::vector<double> best(run.size() + 1, -std::numeric_limits<double>::infinity());
    std::vector<size_t> from(run.size() + 1);
    best[0] = 0;
    for (size_t end = 1; end <= run.size(); ++end)
      for (size_t begin = end - std::min<size_t>(end, kMostChainStages); begin < end; ++begin) {
        double gain = 0;
        if (end - begin > 1) {
          const Candidate c = best_candidate(std::span(run).subspan(begin, end - begin), most_held);
          if (!acceptable(c, most_held)) continue;
          gain = saved_bytes(c.chain) - c.cost;
        }
        if (best[begin] + gain <= best[end]) continue;
        best[end] = best[begin] + gain;
        from[end] = begin;
      }
    for (size_t end = run.size(); end > 0; end = from[end])
      if (end - from[end] > 1)
        all.push_back(best_candidate(std::span(run).subspan(from[end], end - from[end]), most_held));
  }

  // Splits chains wherever that costs neither memory nor time: only some tensors meet where the arena is
  // fullest.
  void split_where_free(uint64_t most_held, std::vector<Candidate>& all) const {
    uint64_t memory = memory_of(all);
    double cost = total_cost(all);
    for (size_t i = 0; i < all.size(); ++i)
      for (size_t at = 1; at < all[i].chain.nodes.size(); ++at) {
        const std::vector<NodeId> nodes = all[i].chain.nodes;
        std::vector<Candidate> fewer = all;
        fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(i));
        const auto keep = [&](std::span<const NodeId> part) {
          if (part.size() > 1)
            fewer.insert(fewer.begin() + static_cast<ptrdiff_t>(i), best_candidate(part, most_held));
        };
        keep(std::span(nodes).subspan(at));
        keep(std::span(nodes).first(at));
        if (memory_of(fewer) > memory || total_cost(fewer) > cost) continue;
        all = std::move(fewer);
        memory = memory_of(all);
        cost = total_cost(all);
        if (i >= all.size()) return;
        at = 0;
      }
  }

  static double total_cost(const std::vector<Candidate>& all) {
    double cost = 0;
    for (const Candidate& c : all) cost += c.cost;
    return cost;
  }

  // Bytes of arena and of what the threads hold.
  uint64_t memory_of(const std::vector<Candidate>& all) const {
    std::vector<FusedNodes> fused;
    uint64_t held = 0;
    for (const Candidate& c : all) {
      fused.push_back(c.chain.nodes);
      held = std::max(held, c.chain.held_bytes);
    }
    return memory_lower_bound(assign_storage(graph_, can_overwrite, fused).buffers) + threads_ * held;
  }

  static std::vector<RowChain> sorted(std::vector<Candidate> all) {
    std::vector<RowChain> chains;
    const auto last = [](const RowChain& chain) { return chain.nodes.back(); };
    for (Candidate& c : all)
      chains.insert(std::ranges::upper_bound(chains, last(c.chain), {}, last), std::move(c.chain));
    return chains;
  }

  const Graph& graph_;
  uint32_t threads_;
  std::vector<std::optional<RowNode>> rows_;  // of each node
  std::vector<std::vector<NodeId>> runs_;
};

}  // namespace

std::vector<RowChain> choose_row_chains(const Graph& graph, RowFusion fusion, int threads) {
  switch (fusion) {
    case RowFusion::Off:
      return {};
    case RowFusion::WherePays:
      return Chooser(graph, threads).where_it_pays();
    case RowFusion::Everywhere:
      return Chooser(graph, threads).everywhere();
  }
  return {};
}

}  // namespace linnet::cpu

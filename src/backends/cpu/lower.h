// Lowering: one graph node to the steps of a CPU plan.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "backends/cpu/params.h"
#include "backends/cpu/row_chains.h"
#include "graph/graph.h"
#include "plan/plan.h"

namespace linnet::cpu {

// Collects a plan's steps and the constants that they need in packed form.
class Lowering {
 public:
  // `refs[value]` is where each value lies in the arena; none for constants. `threads` is how many will run
  // the plan.
  // Steps that cost less than `parallel_cost` stay on one thread.
  Lowering(const Graph& graph, std::vector<Ref> refs, Plan& plan, int threads, int64_t parallel_cost);

  const Graph& graph() const { return graph_; }
  int threads() const { return threads_; }
  const Shape& shape(ValueId id) const { return graph_.value(id).shape; }
  // Where the value's elements lie; a constant is copied to the weights on first use.
  Ref ref(ValueId id);
  // `bytes` of weights, zeros until `fill` writes them. It is called once, after the graph has let its
  // constants go.
  Ref add_weights(uint64_t bytes, std::function<void(std::byte*)> fill);
  // The same of `source`, which `rearrange` can also turn into the packed form where it lies, if that has as
  // many bytes: so a source that nothing else holds by then is never in memory twice.
  Ref add_weights(uint64_t bytes, Tensor source, std::function<void(const Tensor&, std::byte*)> fill,
                  std::function<void(std::byte*)> rearrange);
  // f32 zeros, as many as one row of any convolution's window has: what its taps outside the input read.
  Ref zeros() const { return zeros_; }

  // Rows of image `id` that lie in memory: all, or those that a chain holds.
  uint32_t held_rows(ValueId id) const;
  // Image rows that one call computes of a node within a chain, whose steps' units are rows; 0 outside.
  uint32_t chain_rows() const { return chain_ == nullptr ? 0 : chain_->rows; }

  // Appends one step of the node being lowered. `cost` is its work in multiply-adds or as many memory
  // accesses: small steps stay on one thread. Threads claim no fewer than `least_chunk` units at once.
  void emit(PlanOp op, uint32_t units, int64_t cost, std::span<const uint32_t> parameters,
            uint32_t least_chunk = 1);
  // Every thread has at least so much scratch.
  void need_scratch(uint64_t bytes);

  // Lowers all nodes in order, those of a chain as one. With `only_reference` every node runs by its
  // reference kernel.
  Result<void> run(bool only_reference, std::span<const RowChain> chains);
  // Packs the weights into the plan. The graph must have let its constants go.
  Result<void> pack();

 private:
  void reserve_zeros();
  Result<void> lower_node(NodeId id, bool only_reference);
  Result<void> lower_reference(const Node& node);
  Result<void> lower_chain(const RowChain& chain);

  // The chain being lowered.
  struct ChainState {
    uint32_t rows = 0;  // of the current node, computed at a time
    RowStage window{};  // of the current node, to be completed
    std::vector<uint32_t> words;
    uint32_t stages = 0;
    int64_t cost = 0;
    uint64_t scratch_bytes = 0;
    void add(PlanOp op, int64_t step_cost, std::span<const uint32_t> parameters);
  };

  struct PackTask {
    uint64_t bytes;
    Tensor source;
    std::function<void(const Tensor&, std::byte*)> fill;
    std::function<void(std::byte*)> rearrange;
  };
  static Result<Buffer> run_task(PackTask task);
  const Graph& graph_;
  std::vector<Ref> refs_;
  Plan& plan_;
  int threads_;
  int64_t parallel_cost_;
  uint32_t node_ = 0;
  ChainState* chain_ = nullptr;
  std::map<ValueId, uint32_t> held_rows_;
  Ref zeros_ = Ref::none();
  uint64_t weights_bytes_ = 0;
  std::vector<PackTask> tasks_;
};

// Lowers `node` and gives true, or false when its shapes, types or attributes need the reference kernel. One
// function for each op, in lower/<op>.cc.
using LowerFunction = Result<bool> (*)(Lowering&, const Node&);
Result<bool> lower_conv2d(Lowering&, const Node&);
Result<bool> lower_conv2d_transpose(Lowering&, const Node&);
Result<bool> lower_matmul(Lowering&, const Node&);
Result<bool> lower_depthwise_conv2d(Lowering&, const Node&);
Result<bool> lower_pool(Lowering&, const Node&);
Result<bool> lower_elementwise(Lowering&, const Node&);
Result<bool> lower_reduce(Lowering&, const Node&);
Result<bool> lower_softmax(Lowering&, const Node&);
Result<bool> lower_resize_bilinear(Lowering&, const Node&);
Result<bool> lower_concat(Lowering&, const Node&);
Result<bool> lower_pad(Lowering&, const Node&);
Result<bool> lower_layer_norm(Lowering&, const Node&);
Result<bool> lower_slice(Lowering&, const Node&);
Result<bool> lower_transpose(Lowering&, const Node&);

Result<bool> lower_quantize(Lowering&, const Node&);
Result<bool> lower_dequantize(Lowering&, const Node&);
Result<bool> lower_quantized_add(Lowering&, const Node&);
Result<bool> lower_lookup(Lowering&, const Node&);
Result<bool> lower_quantized_conv2d(Lowering&, const Node&);
Result<bool> lower_dynamic_matmul(Lowering&, const Node&);
Result<bool> lower_quantized_depthwise_conv2d(Lowering&, const Node&);

// The planner's question, answered for the kernels that the lowering picks: may the result overwrite operand
// `input`?
bool can_overwrite(const Graph& graph, const Node& node, size_t input);

// Appends a parameter struct to a step's words.
template <class T>
void append_params(std::vector<uint32_t>& words, const T& params) {
  static_assert(sizeof(T) % sizeof(uint32_t) == 0);
  const size_t at = words.size();
  words.resize(at + sizeof(T) / sizeof(uint32_t));
  std::memcpy(words.data() + at, &params, sizeof params);
}

}  // namespace linnet::cpu

// Lowering for GPUs: one graph node to the steps of a GPU plan. What WebGPU and WebGL2 share; each has a
// subclass that turns kernels into shaders and steps.
#pragma once

#include <functional>
#include <vector>

#include "backends/gpu/kernel.h"
#include "backends/gpu/plan.h"
#include "backends/gpu/reduction.h"
#include "backends/gpu/target.h"
#include "graph/graph.h"

namespace linnet::gpu {

class Lowering {
 public:
  // `refs[value]` is where each value lies; none for constants.
  Lowering(const Graph& graph, const Target& target, std::vector<Ref> refs, GpuPlan& plan);
  virtual ~Lowering() = default;

  const Graph& graph() const { return graph_; }
  const Target& target() const { return target_; }
  const Shape& shape(ValueId id) const { return graph_.value(id).shape; }
  DType dtype(ValueId id) const { return graph_.value(id).dtype; }
  // Where the value's elements lie; a constant is copied to the weights on first use.
  Ref ref(ValueId id);
  // The value as kernels read it: an f32 constant is stored in the type of weights.
  Operand operand(ValueId id);
  // What the f32 weights of the node that is lowered are stored as: f16 where they meet tensors of f16. Those
  // of a depthwise convolution are few, and their rounding is felt most.
  DType weight_type() const { return weight_type_; }
  // `rows` times `length` such weights from constant `source`, an f32 one: `choose` gives, for each weight of
  // a row, the constant's element that it is, or kNone where it is 0.
  Operand pack_weights(ValueId source, uint32_t rows, uint32_t length,
                       std::function<void(uint32_t row, uint32_t* elements)> choose);
  // `bytes` of weights that `fill` will write when the host asks for them, and has brought the elements of
  // constant `source` (kNone: needs none).
  Ref add_weights(uint64_t bytes, ValueId source, std::function<void(std::byte*)> fill);

  // Appends a step that computes `out` by a flat kernel, whose text it completes; gives true.
  virtual Result<bool> emit(Kernel& kernel, ValueId out) = 0;
  // Appends a step that computes `out` by the kernel of a reduction, as only this backend can. False: it
  // cannot, and the kernel is as it was.
  virtual Result<bool> emit_reduction(Kernel&, ValueId, const Reduction&) { return false; }
  virtual Result<bool> lower_layer_norm(const Node& node) = 0;
  // Makes the node's own operands inputs 0, 1, ... of the kernel.
  void add_own_inputs(Kernel& kernel, const Node& node);

  // Lowers all nodes in order. A node that no lowering takes becomes a CpuStep.
  Result<void> run();

 protected:
  // Lower the node as only this backend can: a product a conv2d or matmul. False: as both do.
  virtual Result<bool> lower_product(const Node& node) = 0;
  virtual Result<bool> lower_depthwise_conv2d(const Node& node) = 0;
  virtual Result<bool> lower_softmax(const Node& node) = 0;
  // Where the host finds the value / puts it.
  virtual Result<Ref> host_source(ValueId id) { return ref(id); }
  virtual Ref host_target(ValueId id) { return ref(id); }
  // As many tensors as one kernel may read.
  virtual size_t most_inputs() const { return SIZE_MAX; }

  Result<bool> append_step(GpuOp op, std::span<const uint32_t> parameters);
  // Appends the parameters of one step; gives their first byte. Fails with TooLarge.
  Result<uint32_t> add_params(std::span<const uint32_t> words);
  // The number of a shader, the same for the same text.
  uint32_t shader(std::string text);
  GpuPlan& plan() { return plan_; }

 private:
  Result<void> lower_node(NodeId id);
  Result<bool> lower_special(const Node& node);
  // Emits the nodes that wait for the CPU as one step.
  Result<void> flush_cpu();
  PlanPort port_of(const std::string& name, ValueId id, Ref place) const;

  const Graph& graph_;
  const Target& target_;
  std::vector<Ref> refs_;
  std::vector<Ref> half_refs_;  // of constants that are stored as f16
  GpuPlan& plan_;
  uint32_t node_ = 0;
  DType weight_type_ = DType::F32;
  // Nodes for the CPU that no step has come after; none when first is kNone.
  NodeId cpu_first_ = kNone;
  NodeId cpu_last_ = kNone;
  uint32_t cpu_node_ = 0;
};

// Lowers `node` and gives true, or false when its shapes, types or attributes fit no kernel. One function for
// each op, in lower/<op>.cc.
using LowerFunction = Result<bool> (*)(Lowering&, const Node&);
Result<bool> lower_cast(Lowering&, const Node&);
Result<bool> lower_concat(Lowering&, const Node&);
Result<bool> lower_conv2d(Lowering&, const Node&);
Result<bool> lower_conv2d_transpose(Lowering&, const Node&);
Result<bool> lower_depthwise_conv2d(Lowering&, const Node&);
Result<bool> lower_elementwise(Lowering&, const Node&);
Result<bool> lower_matmul(Lowering&, const Node&);
Result<bool> lower_pad(Lowering&, const Node&);
Result<bool> lower_pool(Lowering&, const Node&);
// Also of an avg_pool of whole images.
Result<bool> lower_reduce(Lowering&, const Node&);
Result<bool> lower_resize_bilinear(Lowering&, const Node&);
Result<bool> lower_slice(Lowering&, const Node&);
Result<bool> lower_softmax(Lowering&, const Node&);
Result<bool> lower_transpose(Lowering&, const Node&);

// Has all values stored as f16 that may be: no inputs, outputs, or results that a softmax or a reduction
// needs exactly, none of rows that four does not divide, and none that the CPU reads or writes, as it does
// for nodes of more than `most_inputs`. Changes the values' types.
void store_as_halves(Graph& graph, size_t most_inputs);

// May the node's result overwrite operand `input`, when kernels read only elements e ... e + 3 of it? True
// where the operand meets the result element by element.
bool can_overwrite(const Graph& graph, const Node& node, size_t input);

// Adds the node's epilogue to a kernel whose raw elements e ... e + 3 are `value`: statements appended to
// `body`; gives the final value. Its operands become inputs of the kernel.
std::string add_epilogue(Lowering& lowering, Kernel& kernel, const Node& node, const ExprText& value,
                         std::string& body);
// Defines @fn vec4f epilogue(vec4f raw, u32 e) as the node's.
void add_epilogue_function(Lowering& lowering, Kernel& kernel, const Node& node);
// Is the value f32, stored as such or as f16?
bool is_float(DType dtype);
// Are the node's own operands such values?
bool has_float_operands(const Graph& graph, const Node& node);
// Sets `text` so that kernel(e) gives `value`, after the statements of `body`.
void finish_kernel(Kernel& kernel, const std::string& body, const std::string& value);

// Finishes a kernel that computes one element at a time, `@fn f32 element(u32 e)`, or four at once, which are
// i32 where the node's first operand is: sets `text` so that kernel(e) gives four elements with the node's
// epilogue, and emits it.
Result<bool> finish_elements(Lowering& lowering, Kernel& kernel, const Node& node, bool fours);

}  // namespace linnet::gpu

// What one op is: schema, shape rule, reference, tolerance, cost and test cases. Backends only lower. The
// definitions themselves are in ops/, one file each.
#pragma once

#include <span>

#include "graph/graph.h"

namespace linnet {

enum class AttrType : uint8_t { Int, Float, Bool, Ints, String, DType, Expr };

struct AttrDef {
  Attr key;
  AttrType type;
  bool required = false;
  int ints = 0;  // how many numbers an Ints attribute holds; 0: any number
};

// What a shape rule and a reference see of a node: its operands' types (and constants), attributes, and where
// results go.
struct InferContext {
  const Node& node;
  std::span<const Value* const> inputs;
  // To be set, one per result.
  std::span<Value* const> outputs;

  const Shape& shape(int i) const { return inputs[static_cast<size_t>(i)]->shape; }
  DType dtype(int i) const { return inputs[static_cast<size_t>(i)]->dtype; }
  int input_count() const { return static_cast<int>(inputs.size()); }
  // Sets result 0. Checks the size.
  Result<void> set_output(DType dtype, std::span<const int64_t> dims, int index = 0) const;
  Result<void> set_output(DType dtype, const Shape& shape, int index = 0) const;
};

struct ReferenceContext {
  const Attrs& attrs;
  std::span<const TensorView> inputs;
  std::span<const TensorView> outputs;
};

enum OpTrait : uint32_t {
  kTraitNone = 0,
  // Takes an `epilogue` expression: $0 is the op's own result, $1.. the inputs after the op's own.
  kTraitEpilogue = 1,
  // The result has the bytes of input 0 under another shape: never computed, an alias in the plan.
  kTraitView = 2,
};

struct OpDef {
  const char* name;
  int min_inputs;
  // The op's own operands at most; -1 for any number. Inputs of an epilogue come after `max_inputs` own ones:
  // an op with kTraitEpilogue always has all its own operands once it has an epilogue with more than $0.
  int max_inputs;
  int outputs;
  std::span<const AttrDef> attrs;
  uint32_t traits;
  // Largest error of a backend, relative to the result's range, in f32.
  float tolerance;
  Result<void> (*infer)(const InferContext&);
  // The op's meaning, plainly. Allocates nothing; the epilogue is applied by `run_reference`.
  void (*reference)(const ReferenceContext&);
  // Multiply-accumulates; nullptr: none.
  int64_t (*macs)(const Node&, const Graph&);
  // Test cases as graph text. Empty in builds without LINNET_OP_CASES.
  std::span<const char* const> cases;
};

const OpDef& op_def(Op op);
// The op called `name`; false when there is none.
bool op_from_name(std::string_view name, Op* op);

// The node's shape rule, after checks of arity and attributes.
Result<void> infer_node(const Graph& graph, const Node& node, std::span<Value* const> outputs);
// How many of the node's inputs are the op's own; the rest belong to its epilogue.
int own_inputs(const Node& node);
// output[i] = expr(operands at i, broadcast). Operands may be the output itself. Allocates nothing.
void evaluate_pointwise(const Expr& expr, std::span<const TensorView> operands, const TensorView& output);
// Runs reference and epilogue of one node. Allocates nothing.
void run_reference(const Node& node, std::span<const TensorView> inputs, std::span<const TensorView> outputs);
int64_t node_macs(const Graph& graph, const Node& node);

// Test data is compiled in only where a build asks for it.
#ifdef LINNET_OP_CASES
#define LINNET_CASES(array) array
#else
#define LINNET_CASES(array) \
  {}
#endif

}  // namespace linnet

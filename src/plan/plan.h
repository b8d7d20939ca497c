// A plan: what a compiled model is at run time. Flat words over one arena, replayed in order.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "graph/graph.h"
#include "graph/quantization.h"
#include "graph/type.h"

namespace linnet {

// The largest arena that a Ref can address, and the most bytes of weights.
inline constexpr uint64_t kMaxArenaBytes = uint64_t{1} << 31;

// Where bytes lie: an offset in the arena, in the scratch of the thread that runs the step, or in the
// weights, which a backend with packed constants of their own memory counts instead. One word, so that step
// parameters are flat.
class Ref {
 public:
  Ref() = default;
  static Ref arena(uint64_t offset) { return Ref(static_cast<uint32_t>(offset / 4)); }
  static Ref weights(uint64_t offset) { return Ref(static_cast<uint32_t>(offset / 4) | kWeights); }
  static Ref constant(size_t number) { return Ref(static_cast<uint32_t>(number) | kWeights); }
  static Ref scratch(uint64_t offset) { return Ref(static_cast<uint32_t>(offset / 4) | kScratch); }
  static Ref none() { return Ref(0xffffffffu); }
  bool is_none() const { return bits_ == 0xffffffffu; }
  bool in_weights() const { return (bits_ & kWeights) != 0 && !is_none(); }
  bool in_scratch() const { return (bits_ & (kWeights | kScratch)) == kScratch; }
  uint64_t offset() const { return static_cast<uint64_t>(bits_ & ~(kWeights | kScratch)) * 4; }
  size_t number() const { return bits_ & ~kWeights; }

 private:
  static constexpr uint32_t kWeights = 0x80000000u;
  static constexpr uint32_t kScratch = 0x40000000u;
  explicit Ref(uint32_t bits) : bits_(bits) {}
  uint32_t bits_ = 0xffffffffu;
};

enum class PlanOp : uint16_t {
#define LINNET_PLAN_OP(name, number) name = number,
#include "plan/plan_isa.def"
#undef LINNET_PLAN_OP
};
const char* plan_op_name(PlanOp op);

// Before each step's parameters in the words.
struct StepHeader {
  PlanOp op;
  uint16_t words;    // of the parameters
  uint32_t units;    // pieces that threads may share
  uint32_t node;     // index into Plan::nodes
  uint32_t threads;  // at most so many threads take part
  uint32_t chunk;    // units worth claiming at once
};
inline constexpr size_t kHeaderWords = sizeof(StepHeader) / sizeof(uint32_t);

// An input or output of the model.
struct PlanPort {
  std::string name;
  DType dtype;
  Shape shape;
  Ref ref;
};

// The codes, i8 of the same shape, that the first step makes of the model's only input, where nothing else
// reads that: who has them can begin after that step.
struct InputCodes {
  Ref ref;
  Quantization quantization;
};

// What a node of the optimised graph computes, for messages and profiles.
struct PlanNode {
  std::string name;
  Op op{};
  DType dtype{};           // of its first operand
  int32_t window[2] = {};  // rows and columns of a convolution's or pool's window; 0 for what has none
  Shape input;             // its first operand's
  Shape output;
  int64_t macs = 0;
};
PlanNode plan_node(const Graph& graph, const Node& node);

struct Plan {
  std::vector<uint32_t> words;
  std::vector<PlanNode> nodes;
  // Nodes that the Reference kernel interprets, by number.
  std::vector<Node> reference_nodes;
  std::vector<PlanPort> inputs;
  std::vector<PlanPort> outputs;
  std::optional<InputCodes> input_codes;
  // Packed constants, by number. Each has memory of its own, so that loading can turn one after the other
  // from its stored form into this without both forms of all of them in memory.
  std::vector<Buffer> weights;

  uint64_t arena_bytes = 0;        // tensors, as placed
  uint64_t lower_bound_bytes = 0;  // the largest sum of tensors alive at one step of the schedule
  uint64_t scratch_offset = 0;     // scratch of thread t at scratch_offset + t * scratch_bytes
  uint64_t scratch_bytes = 0;      // for each thread
  int threads = 1;
  size_t step_count = 0;

  uint64_t total_arena_bytes() const {
    return scratch_offset + scratch_bytes * static_cast<uint64_t>(threads);
  }
  uint64_t weights_bytes() const;
  // `header.words` is set from `parameters`.
  void append_step(const StepHeader& header, std::span<const uint32_t> parameters);
};

// Calls `visit(header, parameters)` for each step of a plan that verify_plan accepts.
template <class Visit>
void for_each_step(const Plan& plan, Visit visit) {
  for (const uint32_t* at = plan.words.data(); at != plan.words.data() + plan.words.size();) {
    StepHeader header;
    std::memcpy(&header, at, sizeof header);
    visit(header, at + kHeaderWords);
    at += kHeaderWords + header.words;
  }
}

// Steps are whole, opcodes known, ports inside their memory. Fails with MalformedPlan.
Result<void> verify_plan(const Plan& plan);

// One line a step, for people and golden tests.
std::string print_plan(const Plan& plan);

}  // namespace linnet

#include "graph/verify.h"

#include <gtest/gtest.h>

#include <functional>

#include "graph/test_graph.h"

namespace linnet {
namespace {

constexpr const char* kGraph = R"(input %x: f32[1,4]
input %z: f32[1,4]
const %c: f32[4] = [1, 2, 3, 4]
%a = elementwise(%x, %c) {expr=add($0, $1)}
%b = softmax(%a)
output %b)";

TEST(Verify, TakesAGoodGraph) {
  testing::parse(kGraph);
}

// One way to break the graph, and what the verifier says.
struct Damage {
  std::function<void(Graph&)> apply;
  const char* message;
};

TEST(Verify, FindsEachDamage) {
  // Values: x 0, z 1, c 2, a 3, b 4. Nodes: a 0, b 1.
  const Damage damages[] = {
      {[](Graph& g) { g.node(0).inputs[0] = 99; },
       "missing node: node 'a' (elementwise) uses value 99, which does not exist"},
      {[](Graph& g) { g.node(0).inputs[0] = 4; },
       "missing node: node 'a' (elementwise) uses 'b', which nothing defines before it"},
      {[](Graph& g) { g.value(2).constant = {}; },
       "missing node: node 'a' (elementwise) uses 'c', which nothing defines before it"},
      {[](Graph& g) { g.node(1).outputs[0] = 3; },
       "malformed model: node 'b' (softmax) does not own its result"},
      {[](Graph& g) { g.node(1).outputs[0] = 99; },
       "malformed model: node 'b' (softmax) does not own its result"},
      {[](Graph& g) { g.value(4).producer = 0; },
       "malformed model: node 'b' (softmax) does not own its result"},
      {[](Graph& g) { g.value(2).producer = 1; },
       "malformed model: 'c' is said to come from a node that does not produce it"},
      {[](Graph& g) { g.value(2).producer = 99; },
       "malformed model: 'c' is said to come from a node that does not produce it"},
      {[](Graph& g) { g.node(1).outputs.push_back(3); }, "malformed model: node 'b' (softmax) has 2 results"},
      {[](Graph& g) { g.node(1).outputs.clear(); }, "malformed model: node 'b' (softmax) has 0 results"},
      {[](Graph& g) { g.node(1).inputs.clear(); },
       "malformed model: node 'b' (softmax): has 0 inputs, needs 1 to 1"},
      {[](Graph& g) { g.node(1).inputs.push_back(3); },
       "malformed model: node 'b' (softmax): has 2 inputs, needs 1 to 1"},
      {[](Graph& g) { g.node(1).attrs.set(Attr::axis, int64_t{1}); },
       "invalid attribute: node 'b' (softmax): softmax does not take the attribute 'axis'"},
      {[](Graph& g) { g.node(0).attrs.remove(Attr::expr); },
       "invalid attribute: node 'a' (elementwise): attribute 'expr' is missing"},
      {[](Graph& g) { g.node(0).attrs.set(Attr::expr, int64_t{1}); },
       "invalid attribute: node 'a' (elementwise): attribute 'expr' has the wrong type"},
      {[](Graph& g) {
         g.value(4).shape = Shape{1, 5};
       },
       "shape mismatch: node 'b' (softmax): result 0 is stored as f32[1,5] but is f32[1,4]"},
      {[](Graph& g) { g.value(4).dtype = DType::I32; },
       "shape mismatch: node 'b' (softmax): result 0 is stored as i32[1,4] but is f32[1,4]"},
      {[](Graph& g) { g.value(2).shape = Shape{1}; },
       "shape mismatch: constant 'c' does not have its value's type"},
      {[](Graph& g) { g.value(1).name = "x"; }, "malformed model: two values are called 'x'"},
      {[](Graph& g) { g.inputs[1].value = 99; }, "malformed model: input 'z' is not an input value"},
      {[](Graph& g) { g.inputs[1].value = 3; }, "malformed model: input 'z' is not an input value"},
      {[](Graph& g) { g.inputs[1].value = 2; }, "malformed model: input 'z' is not an input value"},
      {[](Graph& g) { g.inputs[1].value = 0; },
       "malformed model: input 'z' names a value that another input has"},
      {[](Graph& g) { g.outputs[0].value = 99; }, "missing node: output 'b' is not computed"},
      {[](Graph& g) {
         g.inputs.pop_back();
         g.outputs[0].value = 1;
       },
       "missing node: output 'b' is not computed"},
      {[](Graph& g) { g.outputs.clear(); }, "malformed model: the graph has no outputs"},
  };
  for (const Damage& damage : damages) {
    Graph graph = testing::parse(kGraph);
    damage.apply(graph);
    EXPECT_EQ(testing::error_of(verify(graph)), damage.message);
  }
}

}  // namespace
}  // namespace linnet

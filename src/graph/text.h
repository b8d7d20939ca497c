// The graph as text, for people, tests and dumps. One statement a line:
//
//   input %x: f32[1,4,4,3]                     an input port called x; `as "name"` gives the port another
//   name const %w: f32[2] = [1, 2]                  also splat(0.5), random(seed) for [-1, 1), and `...`
//   (printed only) %y = conv2d(%x, %w, %b) {strides=[2,2], epilogue=relu6($0)}     a type after the name
//   (`%y: f32[1,2,2,8] =`) is
//                                              checked; several results are `%a, %b = split(%x) {...}`
//   output %y                                  an output port called y; `as "name"` as above
//
// A value's name holds letters, digits and _ . / : - ; `#` starts a comment.
#pragma once

#include <string>
#include <string_view>

#include "graph/graph.h"

namespace linnet {

// Constants of up to `max_listed` elements are printed whole, larger ones as splat(..) or `...`.
std::string print_graph(const Graph& graph, int64_t max_listed = 16);

// Fails (MalformedText, or an op's own error) with the line's number. `random(seed)` draws the same values
// everywhere.
Result<Graph> parse_graph(std::string_view text);

// Fills `out` with the values that random(seed) stands for, scaled to [low, high): f32, i32 and i8 (whole
// numbers), bool. In text, i8 is drawn from [-127, 127) and i32 from [-5000, 5000).
void fill_random(TensorView out, uint32_t seed, double low, double high);
// What tests feed to an input: the same, but i32 over ten times the range, where whole numbers differ more,
// and i8 over the codes 0 to 127.
void fill_random_input(TensorView out, uint32_t seed, double low, double high);

}  // namespace linnet

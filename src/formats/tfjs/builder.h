// What both importers, of graph models and of layers models, build their graph with.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace linnet {

// How a window treats the border.
struct Padding {
  enum class Kind : uint8_t { Valid, Same, Explicit };
  Kind kind = Kind::Valid;
  Ints pads;  // of Explicit: top, bottom, left, right
};

// A convolution's or pool's window as the model states it: pairs are y, x.
struct WindowSpec {
  Ints kernel;
  Ints strides = {1, 1};
  Ints dilations = {1, 1};
  Padding padding;
};

class Builder {
 public:
  Graph graph;

  const Shape& shape(ValueId id) const { return graph.value(id).shape; }
  DType dtype(ValueId id) const { return graph.value(id).dtype; }

  // More than this is no model: it bounds time and memory for what a hostile file asks for.
  static constexpr size_t kMaxNodes = size_t{1} << 17;
  static constexpr size_t kMaxPorts = 1024;

  // Adds a node. Where it only moves or combines small constants, computes it instead: shapes and axes may
  // then be worked out by the model itself.
  Result<ValueId> add(Op op, std::string_view name, std::vector<ValueId> inputs, Attrs attrs = {});
  ValueId constant(std::string_view name, Tensor tensor);

  // elementwise: `op` over all of `inputs`, or any expression over them.
  Result<ValueId> apply(ExprOp op, std::string_view name, std::vector<ValueId> inputs);
  Result<ValueId> apply(Expr expr, std::string_view name, std::vector<ValueId> inputs);
  // $0 and a number.
  Result<ValueId> apply(ExprOp op, std::string_view name, ValueId input, float operand);

  // A reshape; the value itself where it has the shape already.
  Result<ValueId> reshape(std::string_view name, ValueId input, const Ints& dims);
  // The mode is the op's: "mean", "sum", "max", "min" or "prod". No axes: the value itself.
  Result<ValueId> reduce(std::string_view mode, std::string_view name, ValueId input, Ints axes,
                         bool keep_dims);
  // `axis` in [-rank, rank), made non-negative; `what` opens the message.
  static Result<int64_t> resolve_axis(int64_t axis, int rank, std::string_view what);
  // The same for several, sorted and each kept once.
  static Result<Ints> resolve_axes(const Ints& axes, int rank, std::string_view what);

  // {strides, dilations, pads} for a window over the inner axes of `size` = y, x; SAME becomes explicit pads.
  static Result<Attrs> window_attrs(const WindowSpec& window, int64_t height, int64_t width,
                                    std::string_view what);
  // conv2d or depthwise_conv2d; the kernel's size comes from `filter`. `bias` may be kNone.
  Result<ValueId> convolve(Op op, std::string_view name, ValueId input, ValueId filter, ValueId bias,
                           WindowSpec window);
  Result<ValueId> convolve_transposed(std::string_view name, ValueId input, ValueId filter, ValueId bias,
                                      WindowSpec window, int64_t height, int64_t width);
  // avg_pool or max_pool.
  Result<ValueId> pool(Op op, std::string_view name, ValueId input, const WindowSpec& window);

  // Adds the port `name`. Each port gets a value of its own that a node computes. A name that is taken gets a
  // suffix.
  Result<void> add_output(std::string_view name, ValueId value);
  // Adds an input value and its port.
  Result<ValueId> add_input(std::string_view port, std::string_view name, DType type, const Shape& dims);

 private:
  Result<ValueId> fold(Op op, const std::string& name, std::vector<ValueId> inputs, Attrs attrs);
  std::string value_name(std::string_view name);
  static Result<void> add_port(std::vector<GraphPort>& ports, std::string_view name, ValueId value);

  size_t renamed_ = 0;
};

}  // namespace linnet

// Graphs whose nodes may run together by rows: the fused plan must give the very bits of the plain one.
#include "tests/ops/op_cases.h"

namespace linnet::tests {

namespace {

// A graph of convolutions in a row over %x, built node by node.
class ChainText {
 public:
  // %x is f32[batch, h, w, channels].
  ChainText(int batch, int h, int w, int channels) : channels_(channels) {
    text_ = "input %x: f32[" + std::to_string(batch) + "," + std::to_string(h) + "," + std::to_string(w) +
            "," + std::to_string(channels) + "]\n";
  }
  // An input of its own, for an epilogue.
  ChainText& input(const std::string& name, const std::string& shape) {
    text_ = "input %" + name + ": f32[" + shape + "]\n" + text_;
    return *this;
  }
  ChainText& conv(int kernel, int outputs, const std::string& attrs, const std::string& operands = "") {
    return node("conv2d", kernel, std::to_string(channels_) + "," + std::to_string(outputs), outputs, attrs,
                operands);
  }
  ChainText& depthwise(int kernel, const std::string& attrs, const std::string& operands = "") {
    return node("depthwise_conv2d", kernel, std::to_string(channels_) + ",1", channels_, attrs, operands);
  }
  // The last result is an output; so are `others`.
  std::string done(const std::string& others = "") const { return text_ + others + "output %" + last_; }

 private:
  ChainText& node(const std::string& op, int kernel, const std::string& rest, int outputs,
                  const std::string& attrs, const std::string& operands) {
    const std::string n = std::to_string(++count_), k = std::to_string(kernel);
    text_ += "const %w" + n + ": f32[" + k + "," + k + "," + rest + "] = random(" + n + ")\n" + "const %b" +
             n + ": f32[" + std::to_string(outputs) + "] = random(" + std::to_string(100 + count_) + ")\n" +
             "%y" + n + " = " + op + "(%" + last_ + ", %w" + n + ", %b" + n + operands + ") {" + attrs +
             "}\n";
    last_ = "y" + n;
    channels_ = outputs;
    return *this;
  }

  std::string text_, last_ = "x";
  int channels_, count_ = 0;
};

std::string same(int pad) {
  const std::string p = std::to_string(pad);
  return "pads=[" + p + "," + p + "," + p + "," + p + "]";
}

}  // namespace

std::vector<OpCase> chain_cases() {
  const std::string relu6 = "epilogue=relu6($0)", add = "epilogue=add($0, $1)";
  const std::string texts[] = {
      // Inverted residuals.
      ChainText(2, 11, 9, 8)
          .conv(1, 24, relu6)
          .depthwise(3, same(1) + ", " + relu6)
          .conv(1, 8, add, ", %x")
          .done(),
      ChainText(1, 14, 15, 8)
          .conv(1, 40, relu6)
          .depthwise(3, "strides=[2,2], pads=[0,1,1,1], " + relu6)
          .conv(1, 12, "")
          .done(),
      ChainText(3, 9, 7, 5)
          .conv(1, 17, relu6)
          .depthwise(5, "strides=[2,2], " + same(2))
          .conv(1, 5, "")
          .done(),
      ChainText(1, 13, 10, 8).conv(1, 16, "epilogue=relu($0)").depthwise(5, "").conv(1, 33, relu6).done(),
      // Separable convolutions, and epilogues that are programs.
      ChainText(1, 10, 12, 16)
          .depthwise(3, same(1) + ", epilogue=mul($0, sigmoid($0))")
          .conv(1, 24, "")
          .done(),
      ChainText(2, 7, 7, 16).depthwise(5, same(2)).conv(1, 16, "epilogue=relu(add($0, $1))", ", %x").done(),
      ChainText(1, 12, 6, 4)
          .input("r", "1,12,6,24")
          .conv(1, 24, "epilogue=relu(add($0, $1))", ", %r")
          .depthwise(3, same(1))
          .conv(1, 10, "")
          .done(),
      ChainText(2, 6, 5, 8)
          .input("r", "2,6,5,8")
          .depthwise(3, same(1) + ", " + add, ", %r")
          .depthwise(3, same(1))
          .conv(1, 8, "epilogue=mul($0, $1)", ", %r")
          .done(),
      // A stem before them, two blocks in one chain, and more than one chain can take.
      ChainText(1, 23, 22, 3)
          .conv(3, 16, "strides=[2,2], pads=[0,1,0,1], " + relu6)
          .depthwise(3, same(1) + ", " + relu6)
          .conv(1, 8, "")
          .conv(1, 48, relu6)
          .depthwise(3, "strides=[2,2], " + same(1) + ", " + relu6)
          .conv(1, 12, "")
          .done(),
      ChainText(1, 17, 9, 4)
          .conv(3, 8, same(1))
          .depthwise(3, same(1))
          .conv(3, 8, same(1))
          .depthwise(3, same(1))
          .conv(1, 8, "")
          .conv(1, 8, "")
          .depthwise(3, "strides=[2,2], " + same(1))
          .conv(3, 8, same(1))
          .depthwise(3, same(1))
          .conv(1, 4, "")
          .conv(1, 4, "")
          .done(),
      // Windows with holes, larger than the image, of rows that nothing needs, and outside of it altogether.
      ChainText(1, 15, 11, 8)
          .conv(1, 16, relu6)
          .depthwise(3, "dilations=[2,2], " + same(2))
          .conv(1, 8, "")
          .done(),
      ChainText(2, 2, 3, 8).conv(1, 16, "").depthwise(5, same(2)).conv(1, 8, "").done(),
      ChainText(2, 10, 8, 8).conv(1, 16, "").depthwise(3, "strides=[4,3]").conv(1, 8, "").done(),
      ChainText(2, 8, 8, 8).conv(1, 16, "").depthwise(1, "strides=[3,3]").conv(1, 8, "").done(),
      ChainText(2, 5, 4, 8).conv(1, 16, "").depthwise(3, same(4)).conv(1, 8, "").done(),
      ChainText(1, 1, 20, 8).conv(1, 16, "").depthwise(3, same(1)).conv(1, 8, add, ", %x").done(),
      // What others use too must lie in the arena; another operand may be overwritten.
      ChainText(1, 8, 8, 8).conv(1, 16, "").depthwise(3, same(1)).conv(1, 8, "").done("output %y1\n"),
      ChainText(1, 8, 8, 8)
          .conv(3, 8, same(1) + ", epilogue=relu($0)")
          .conv(1, 24, relu6, "")
          .depthwise(3, same(1))
          .conv(1, 8, add, ", %y1")
          .conv(1, 24, "")
          .depthwise(3, same(1))
          .conv(1, 8, add, ", %y4")
          .done(),
  };
  std::vector<OpCase> cases;
  for (const std::string& text : texts)
    cases.push_back({"row_chain/" + std::to_string(cases.size()), text, -1, 1, 1e-5});
  return cases;
}

}  // namespace linnet::tests

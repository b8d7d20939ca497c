#include "formats/tfjs/export.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "formats/tfjs/export_expr.h"
#include "formats/tfjs/export_writer.h"
#include "graph/op_def.h"
#include "graph/quantization.h"
#include "ops/pool.h"

namespace linnet {

namespace {

bool is_same(const WindowAxis& axis) {
  const int32_t output = (axis.input + axis.stride - 1) / axis.stride;
  const int32_t total = std::max((output - 1) * axis.stride + axis.extent() - axis.input, 0);
  return output == axis.output && axis.pad_before == total / 2 && axis.pad_after == total - total / 2;
}

bool has_pads(const Window& window) {
  return window.y.pad_before + window.y.pad_after + window.x.pad_before + window.x.pad_after > 0;
}

class Exporter {
 public:
  Exporter(const Graph& graph, const TfjsExportOptions& options)
      : graph_(graph), options_(options), names_(graph.value_count()) {}

  Result<TfjsExport> run() {
    std::vector<std::string> inputs, outputs;
    for (const GraphPort& port : graph_.inputs) {
      const Value& value = graph_.value(port.value);
      names_[port.value] = writer_.take_name(value.name);
      NodeAttrs attrs;
      attrs.type("dtype", value.dtype).shape("shape", value.shape);
      writer_.node(names_[port.value], "Placeholder", {}, attrs);
      inputs.push_back(names_[port.value]);
    }
    // Values take their names before parts of others can.
    for (const Node& node : graph_.nodes())
      for (ValueId id : node.outputs) names_[id] = writer_.take_name(graph_.value(id).name);
    for (const Node& node : graph_.nodes())
      if (auto done = export_node(node); !done) return std::unexpected(done.error().within(describe(node)));
    for (const GraphPort& port : graph_.outputs) outputs.push_back(name_of(port.value));
    return std::move(writer_).finish(graph_, inputs, outputs, options_);
  }

 private:
  const Shape& shape(ValueId id) const { return graph_.value(id).shape; }

  WeightStorage storage_of(ValueId id) const {
    if (shape(id).rank() < 2 || !options_.storage) return WeightStorage::Full;
    return options_.storage(graph_, id);
  }

  // The node that computes a value; a constant gets one on first use.
  std::string name_of(ValueId id) {
    if (names_[id].empty()) {
      const WeightStorage storage = storage_of(id);
      names_[id] = writer_.constant(graph_.value(id).name, graph_.value(id).constant,
                                    storage == WeightStorage::Codes ? WeightStorage::Half : storage);
    }
    return names_[id];
  }

  // Weights of a convolution or product, whose output channels are axis `axis`.
  std::string weights_of(ValueId id, int axis) {
    const Value& value = graph_.value(id);
    if (!names_[id].empty() || !value.is_constant() || storage_of(id) != WeightStorage::Codes)
      return name_of(id);
    int64_t inner = 1;
    for (int i = axis + 1; i < value.shape.rank(); ++i) inner *= value.shape[i];
    const int64_t channels = value.shape[axis];
    const auto elements = std::span(value.constant.as<float>(), static_cast<size_t>(value.shape.elements()));
    const auto channel_of = [&](size_t i) {
      return static_cast<size_t>(static_cast<int64_t>(i) / inner % channels);
    };
    std::vector<float> scales(static_cast<size_t>(channels));
    for (size_t i = 0; i < elements.size(); ++i)
      scales[channel_of(i)] = std::max(scales[channel_of(i)], std::abs(elements[i]));
    for (float& scale : scales) {
      scale /= static_cast<float>(kMaxWeightCode);
      if (!(scale > 0) || !std::isfinite(scale)) scale = 1;
    }
    std::vector<int8_t> codes(elements.size());
    for (size_t i = 0; i < codes.size(); ++i)
      codes[i] = static_cast<int8_t>(std::clamp(std::nearbyint(elements[i] / scales[channel_of(i)]),
                                                -static_cast<float>(kMaxWeightCode),
                                                static_cast<float>(kMaxWeightCode)));
    Shape along = value.shape;
    for (int i = 0; i < along.rank(); ++i) along.set(i, i == axis ? channels : 1);
    auto tensor = Tensor::of_f32(along, scales);
    if (!tensor) return name_of(id);
    names_[id] = writer_.take_name(value.name);
    const std::string code_name = writer_.codes(value.name + "/codes", value.shape, codes);
    writer_.node(names_[id], "Mul", {code_name, writer_.constant(value.name + "/scale", *tensor)});
    return names_[id];
  }

  std::vector<std::string> inputs_of(const Node& node) {
    std::vector<std::string> names;
    for (ValueId id : node.inputs) names.push_back(name_of(id));
    return names;
  }

  static std::unexpected<Error> unsupported(const char* what) {
    return fail(ErrorCode::UnsupportedOp, "TensorFlow.js has no op for %s", what);
  }

  Result<void> export_node(const Node& node) {
    const std::string result = names_[node.outputs[0]];
    const Expr* epilogue = node.attrs.get_expr(Attr::epilogue);
    bias_.clear();
    if (epilogue == nullptr) {
      TRY(export_op(node, result));
      // Users read what the bias was added to.
      if (!bias_.empty()) names_[node.outputs[0]] = bias_;
      return {};
    }
    const std::string raw = writer_.take_name(result + "/raw");
    TRY(export_op(node, raw));
    std::vector<std::string> operands{bias_.empty() ? raw : bias_};
    for (size_t i = static_cast<size_t>(own_inputs(node)); i < node.inputs.size(); ++i)
      operands.push_back(name_of(node.inputs[i]));
    export_expr(writer_, *epilogue, operands, result, false);
    return {};
  }

  Result<void> export_op(const Node& node, const std::string& result) {
    switch (node.op) {
      case Op::elementwise:
        export_expr(writer_, *node.attrs.get_expr(Attr::expr), inputs_of(node), result,
                    graph_.value(node.inputs[0]).dtype == DType::I32);
        return {};
      case Op::conv2d:
      case Op::depthwise_conv2d:
        return export_convolution(node, result);
      case Op::conv2d_transpose:
        return export_transposed(node, result);
      case Op::matmul:
        return export_matmul(node, result);
      case Op::avg_pool:
      case Op::max_pool:
        return export_pool(node, result);
      case Op::batch_norm: {
        NodeAttrs attrs;
        attrs.type("T", DType::F32).real("epsilon", node.attrs.get_float(Attr::epsilon, 0));
        attrs.boolean("is_training", false).text("data_format", "NHWC");
        writer_.node(result, "FusedBatchNormV3", inputs_of(node), attrs);
        return {};
      }
      case Op::cast: {
        NodeAttrs attrs;
        attrs.type("SrcT", graph_.value(node.inputs[0]).dtype)
            .type("DstT", graph_.value(node.outputs[0]).dtype);
        writer_.node(result, "Cast", inputs_of(node), attrs);
        return {};
      }
      case Op::concat: {
        std::vector<std::string> inputs = inputs_of(node);
        inputs.push_back(writer_.whole_number(result + "/axis", node.attrs.get_int(Attr::axis, 0)));
        NodeAttrs attrs;
        attrs.type("T", graph_.value(node.outputs[0]).dtype)
            .integer("N", static_cast<int64_t>(node.inputs.size()));
        writer_.node(result, "ConcatV2", inputs, attrs);
        return {};
      }
      case Op::identity:
        writer_.node(result, "Identity", inputs_of(node));
        return {};
      case Op::pad:
        return export_pad(node, result);
      case Op::layer_norm:
        export_layer_norm(node, result);
        return {};
      case Op::reduce:
        return export_reduce(node, result);
      case Op::reshape: {
        const Shape& to = shape(node.outputs[0]);
        writer_.node(result, "Reshape",
                     {name_of(node.inputs[0]),
                      writer_.integers(result + "/shape", Ints(to.dims().begin(), to.dims().end()))});
        return {};
      }
      case Op::resize_bilinear: {
        NodeAttrs attrs;
        attrs.type("T", DType::F32).boolean("align_corners", node.attrs.get_bool(Attr::align_corners, false));
        attrs.boolean("half_pixel_centers", node.attrs.get_bool(Attr::half_pixel_centers, false));
        writer_.node(result, "ResizeBilinear", {name_of(node.inputs[0]), ints(node, Attr::size, result)},
                     attrs);
        return {};
      }
      case Op::slice:
        export_slice(node, result);
        return {};
      case Op::softmax:
        writer_.node(result, "Softmax", inputs_of(node));
        return {};
      case Op::transpose:
        writer_.node(result, "Transpose", {name_of(node.inputs[0]), ints(node, Attr::perm, result)});
        return {};
      case Op::dequantize:
      case Op::dynamic_matmul:
      case Op::lookup:
      case Op::quantize:
      case Op::quantized_add:
      case Op::quantized_conv2d:
      case Op::quantized_depthwise_conv2d:
        break;
    }
    return unsupported(op_def(node.op).name);
  }

  // In steps: TensorFlow.js has no op for it.
  void export_layer_norm(const Node& node, const std::string& result) {
    const auto add = [&](const char* suffix, const char* op, const std::vector<std::string>& operands) {
      std::string name = writer_.take_name(result + suffix);
      NodeAttrs attrs;
      if (op == std::string_view("Mean")) attrs.boolean("keep_dims", true);
      writer_.node(name, op, operands, attrs);
      return name;
    };
    const std::string axis = writer_.whole_number(result + "/axis", -1);
    std::string x = name_of(node.inputs[0]);
    if (node.attrs.get_string(Attr::mode, "") == "layer")
      x = add("/centred", "Sub", {x, add("/mean", "Mean", {x, axis})});
    const std::string variance = add("/variance", "Mean", {add("/square", "Mul", {x, x}), axis});
    const std::string epsilon = writer_.scalar(result + "/epsilon", node.attrs.get_float(Attr::epsilon, 0));
    const std::string scale = add("/rsqrt", "Rsqrt", {add("/stable", "AddV2", {variance, epsilon})});
    const std::string scaled =
        add("/scaled", "Mul", {add("/normed", "Mul", {x, scale}), name_of(node.inputs[1])});
    writer_.node(result, "AddV2", {scaled, name_of(node.inputs[2])});
  }

  std::string ints(const Node& node, Attr key, const std::string& result) {
    const std::span<const int64_t> values = node.attrs.get_ints(key);
    return writer_.integers(result + "/" + attr_name(key), Ints(values.begin(), values.end()));
  }

  // The input of a window, padded by a node of its own where neither VALID nor SAME says how.
  std::string padded(const std::string& x, const Window& window, const std::string& result, float value,
                     const char** padding) {
    *padding = !has_pads(window) ? "VALID" : is_same(window.y) && is_same(window.x) ? "SAME" : nullptr;
    if (*padding != nullptr) return x;
    *padding = "VALID";
    const std::string name = writer_.take_name(result + "/pad");
    const std::string pads = matrix_of_pads(
        name + "/paddings",
        {0, 0, window.y.pad_before, window.y.pad_after, window.x.pad_before, window.x.pad_after, 0, 0});
    if (value == 0)
      writer_.node(name, "Pad", {x, pads});
    else
      writer_.node(name, "PadV2", {x, pads, writer_.scalar(name + "/value", value)});
    return name;
  }

  // Paddings as TensorFlow takes them: [axes, 2].
  std::string matrix_of_pads(const std::string& name, const Ints& pads) {
    std::vector<int32_t> values(pads.begin(), pads.end());
    auto tensor = Tensor::of_i32(Shape{static_cast<int64_t>(pads.size()) / 2, 2}, values);
    return writer_.constant(name, *tensor);
  }

  static void set_window(NodeAttrs& attrs, const Window& window, const char* padding, bool dilated) {
    attrs.type("T", DType::F32);
    attrs.integers("strides", std::array<int64_t, 4>{1, window.y.stride, window.x.stride, 1});
    if (dilated)
      attrs.integers("dilations", std::array<int64_t, 4>{1, window.y.dilation, window.x.dilation, 1});
    attrs.text("padding", padding).text("data_format", "NHWC");
  }

  // Runs `emit(name)` for the op itself and a BiasAdd after it where the node has a bias. The op's own result
  // keeps the value's name, which is the one that it has once the bias is folded again.
  template <class Emit>
  void with_bias(const Node& node, const std::string& result, Emit emit) {
    emit(result);
    if (own_inputs(node) < 3) return;
    bias_ = writer_.take_name(result + "/BiasAdd");
    const bool matrix = node.op == Op::matmul && shape(node.outputs[0]).rank() != 2;
    writer_.node(bias_, matrix ? "AddV2" : "BiasAdd", {result, name_of(node.inputs[2])});
  }

  Result<void> export_convolution(const Node& node, const std::string& result) {
    const bool depthwise = node.op == Op::depthwise_conv2d;
    const Shape& w = shape(node.inputs[1]);
    const Window window = window_of(node.attrs, shape(node.inputs[0]), w[0], w[1]);
    const char* padding = nullptr;
    const std::string x = padded(name_of(node.inputs[0]), window, result, 0, &padding);
    // The channels of depthwise weights [kh,kw,C,M] are C * M; with M = 1 they are axis 2.
    const std::string weights =
        depthwise && w[3] != 1 ? name_of(node.inputs[1]) : weights_of(node.inputs[1], depthwise ? 2 : 3);
    with_bias(node, result, [&](const std::string& name) {
      NodeAttrs attrs;
      set_window(attrs, window, padding, true);
      writer_.node(name, depthwise ? "DepthwiseConv2dNative" : "Conv2D", {x, weights}, attrs);
    });
    return {};
  }

  Result<void> export_transposed(const Node& node, const std::string& result) {
    const Shape& w = shape(node.inputs[1]);
    const Shape& y = shape(node.outputs[0]);
    const Window window = window_of(node.attrs, y, w[0], w[1]);
    const bool exact = !has_pads(window) || (is_same(window.y) && is_same(window.x));
    const char* padding = has_pads(window) && exact ? "SAME" : "VALID";
    const int64_t height = y[1] + (exact ? 0 : window.y.pad_before + window.y.pad_after);
    const int64_t width = y[2] + (exact ? 0 : window.x.pad_before + window.x.pad_after);
    with_bias(node, result, [&](const std::string& name) {
      const std::string full = exact ? name : writer_.take_name(name + "/full");
      NodeAttrs attrs;
      set_window(attrs, window, padding, false);
      writer_.node(full, "Conv2DBackpropInput",
                   {writer_.integers(full + "/size", {y[0], height, width, y[3]}), name_of(node.inputs[1]),
                    name_of(node.inputs[0])},
                   attrs);
      if (exact) return;
      writer_.node(name, "Slice",
                   {full, writer_.integers(name + "/begin", {0, window.y.pad_before, window.x.pad_before, 0}),
                    writer_.integers(name + "/size", Ints(y.dims().begin(), y.dims().end()))});
    });
    return {};
  }

  Result<void> export_matmul(const Node& node, const std::string& result) {
    const bool ta = node.attrs.get_bool(Attr::transpose_a, false);
    const bool tb = node.attrs.get_bool(Attr::transpose_b, false);
    const Shape& b = shape(node.inputs[1]);
    const bool plain = shape(node.inputs[0]).rank() == 2 && b.rank() == 2;
    const std::string weights =
        b.rank() == 2 ? weights_of(node.inputs[1], tb ? 0 : 1) : name_of(node.inputs[1]);
    with_bias(node, result, [&](const std::string& name) {
      NodeAttrs attrs;
      attrs.type("T", DType::F32);
      attrs.boolean(plain ? "transpose_a" : "adj_x", ta).boolean(plain ? "transpose_b" : "adj_y", tb);
      writer_.node(name, plain ? "MatMul" : "BatchMatMulV2", {name_of(node.inputs[0]), weights}, attrs);
    });
    return {};
  }

  Result<void> export_pool(const Node& node, const std::string& result) {
    const Window window = pool_window(node.attrs, shape(node.inputs[0]));
    const bool is_max = node.op == Op::max_pool;
    const char* padding = nullptr;
    const std::string x = padded(name_of(node.inputs[0]), window, result,
                                 is_max ? std::numeric_limits<float>::lowest() : 0, &padding);
    const bool counts_pads = !is_max && has_pads(window) && std::string_view(padding) == "VALID";
    const std::string name = counts_pads ? writer_.take_name(result + "/pool") : result;
    NodeAttrs attrs;
    set_window(attrs, window, padding, false);
    attrs.integers("ksize", std::array<int64_t, 4>{1, window.y.kernel, window.x.kernel, 1});
    writer_.node(name, is_max ? "MaxPool" : "AvgPool", {x}, attrs);
    if (!counts_pads) return {};
    // TensorFlow's divisor then counts the zeros of the Pad node.
    TRY_ASSIGN(const Tensor correction, correction_of(window));
    writer_.node(result, "Mul", {name, writer_.constant(result + "/correction", correction)});
    return {};
  }

  // By how much the mean over a window that reaches over the edge has to grow, [1,H',W',1].
  static Result<Tensor> correction_of(const Window& window) {
    TRY_ASSIGN(Tensor tensor, Tensor::zeros(DType::F32, Shape{1, window.y.output, window.x.output, 1}));
    float* out = tensor.mutable_as<float>();
    for (int32_t oy = 0; oy < window.y.output; ++oy)
      for (int32_t ox = 0; ox < window.x.output; ++ox) {
        int32_t inside = 0;
        for_each_tap(window, 0, oy, ox, [&](int64_t, int64_t) { ++inside; });
        *out++ = static_cast<float>(window.y.kernel * window.x.kernel) / static_cast<float>(inside);
      }
    return tensor;
  }

  Result<void> export_pad(const Node& node, const std::string& result) {
    const std::string_view mode = node.attrs.get_string(Attr::mode, "constant");
    const std::span<const int64_t> given = node.attrs.get_ints(Attr::pads);
    std::vector<std::string> inputs{name_of(node.inputs[0]),
                                    matrix_of_pads(result + "/paddings", Ints(given.begin(), given.end()))};
    if (mode != "constant") {
      NodeAttrs attrs;
      attrs.text("mode", mode == "reflect" ? "REFLECT" : "SYMMETRIC");
      writer_.node(result, "MirrorPad", inputs, attrs);
      return {};
    }
    inputs.push_back(number_constant(writer_, result + "/value", node.attrs.get_float(Attr::value, 0),
                                     graph_.value(node.inputs[0]).dtype == DType::I32));
    writer_.node(result, "PadV2", inputs);
    return {};
  }

  Result<void> export_reduce(const Node& node, const std::string& result) {
    static constexpr std::pair<std::string_view, const char*> kOps[] = {
        {"mean", "Mean"}, {"sum", "Sum"}, {"max", "Max"}, {"min", "Min"}, {"prod", "Prod"}};
    const std::span<const int64_t> given = node.attrs.get_ints(Attr::axes);
    Ints axes(given.begin(), given.end());
    for (int i = 0; given.empty() && i < shape(node.inputs[0]).rank(); ++i) axes.push_back(i);
    NodeAttrs attrs;
    attrs.type("T", graph_.value(node.outputs[0]).dtype);
    attrs.boolean("keep_dims", node.attrs.get_bool(Attr::keep_dims, false));
    const auto* op = std::ranges::find(kOps, node.attrs.get_string(Attr::mode, ""),
                                       [](const auto& entry) { return entry.first; });
    writer_.node(result, op->second, {name_of(node.inputs[0]), writer_.integers(result + "/axes", axes)},
                 attrs);
    return {};
  }

  void export_slice(const Node& node, const std::string& result) {
    const std::span<const int64_t> begin = node.attrs.get_ints(Attr::begin),
                                   size = node.attrs.get_ints(Attr::size),
                                   strides = node.attrs.get_ints(Attr::strides);
    const std::string x = name_of(node.inputs[0]);
    if (std::ranges::all_of(strides, [](int64_t stride) { return stride == 1; })) {
      writer_.node(result, "Slice", {x, ints(node, Attr::begin, result), ints(node, Attr::size, result)});
      return;
    }
    // An end before the first element says so by the mask.
    Ints end;
    int64_t end_mask = 0;
    for (size_t i = 0; i < begin.size(); ++i) {
      end.push_back(begin[i] + size[i] * strides[i]);
      if (end.back() < 0) end_mask |= int64_t{1} << i;
    }
    NodeAttrs attrs;
    attrs.type("T", graph_.value(node.outputs[0]).dtype)
        .integer("begin_mask", 0)
        .integer("end_mask", end_mask);
    attrs.integer("ellipsis_mask", 0).integer("new_axis_mask", 0).integer("shrink_axis_mask", 0);
    writer_.node(result, "StridedSlice",
                 {x, ints(node, Attr::begin, result), writer_.integers(result + "/end", end),
                  ints(node, Attr::strides, result)},
                 attrs);
  }

  const Graph& graph_;
  const TfjsExportOptions& options_;
  ExportWriter writer_;
  std::vector<std::string> names_;  // of each value's node
  std::string bias_;                // the BiasAdd of the node being exported, if any
};

}  // namespace

Result<TfjsExport> export_tfjs(const Graph& graph, const TfjsExportOptions& options) {
  return Exporter(graph, options).run();
}

}  // namespace linnet

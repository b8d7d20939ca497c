#include "compress/moments.h"

#include <algorithm>

#include "compress/channel_groups.h"
#include "compress/operands.h"
#include "ops/window.h"

namespace linnet {

namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Products are summed in f32 over so many rows, then in f64.
constexpr int64_t kBlockRows = 2048;

bool is_depthwise(const Node& node) {
  return node.op == Op::depthwise_conv2d;
}

}  // namespace

void Patches::choose(int64_t rows, int64_t max_rows) {
  const int64_t count = std::min(rows, max_rows);
  for (int64_t i = 0; i < count; ++i) chosen_.push_back(i * rows / count);
  all_ = count == rows;
}

Patches::Patches(const Shape& value, int64_t max_rows) : columns_(value.back()), channels_(value.back()) {
  choose(value.elements() / std::max(channels_, 1), max_rows);
  if (!all_) pixels_ = chosen_;
}

Patches::Patches(const Graph& graph, const Node& node, int64_t max_rows) {
  const Shape& input = graph.value(node.inputs[0]).shape;
  if (node.op == Op::matmul) {
    *this = Patches(input, max_rows);
    return;
  }
  const Shape& output = graph.value(node.outputs[0]).shape;
  channels_ = input.back();
  const int64_t rows = output.elements() / std::max(output.back(), 1);
  choose(rows, max_rows);
  const int64_t count = this->rows();
  const Shape& weights = graph.value(node.inputs[1]).shape;
  const Window window = window_of(node.attrs, input, weights[0], weights[1]);
  taps_ = weights[0] * weights[1];
  columns_ = taps_ * channels_;
  if (all_ && taps_ == 1 && rows == int64_t{input[0]} * input[1] * input[2]) return;
  pixels_.assign(static_cast<size_t>(count * taps_), -1);
  for (int64_t row = 0; row < count; ++row) {
    const int64_t pixel = chosen_[static_cast<size_t>(row)];
    const int32_t x = static_cast<int32_t>(pixel % output[2]);
    const int32_t y = static_cast<int32_t>(pixel / output[2] % output[1]);
    const int32_t n = static_cast<int32_t>(pixel / output[2] / output[1]);
    for_each_tap(window, n, y, x,
                 [&](int64_t from, int64_t tap) { pixels_[static_cast<size_t>(row * taps_ + tap)] = from; });
  }
}

const float* Patches::extract(const float* input, std::vector<float>& scratch) const {
  if (pixels_.empty()) return input;
  scratch.resize(pixels_.size() * static_cast<size_t>(channels_));
  float* out = scratch.data();
  for (int64_t pixel : pixels_) {
    if (pixel < 0)
      std::fill_n(out, channels_, 0.0f);
    else
      std::copy_n(input + pixel * channels_, channels_, out);
    out += channels_;
  }
  return scratch.data();
}

void Patches::scatter(const float* rows, float* input) const {
  const int64_t count = this->rows() * taps_;
  for (int64_t i = 0; i < count; ++i, rows += channels_) {
    const int64_t to = pixels_.empty() ? i : pixels_[static_cast<size_t>(i)];
    if (to < 0) continue;
    float* out = input + to * channels_;
    for (int c = 0; c < channels_; ++c) out[c] += rows[c];
  }
}

const float* Patches::results(const float* output, int channels, std::vector<float>& scratch) const {
  if (all_) return output;
  scratch.resize(chosen_.size() * static_cast<size_t>(channels));
  float* out = scratch.data();
  for (int64_t pixel : chosen_) out = std::copy_n(output + pixel * channels, channels, out);
  return scratch.data();
}

Eigen::MatrixXd patch_weights(const Graph& graph, const Node& node) {
  const Tensor& tensor = graph.value(node.inputs[1]).constant;
  const float* data = tensor.as<float>();
  if (is_depthwise(node)) {
    const Shape& shape = tensor.shape();
    return Eigen::Map<const RowMajor>(data, shape[0] * shape[1], shape[2] * shape[3]).cast<double>();
  }
  const ProductWeights layout = product_weights(graph, node);
  if (layout.input_axis > layout.output_axis)
    return Eigen::Map<const RowMajor>(data, layout.outputs, layout.inputs).transpose().cast<double>();
  return Eigen::Map<const RowMajor>(data, layout.taps * layout.inputs, layout.outputs).cast<double>();
}

Result<void> set_patch_weights(Graph& graph, NodeId id, const Eigen::MatrixXd& weights,
                               const Eigen::VectorXd& bias) {
  const Node& node = graph.node(id);
  const Value& old = graph.value(node.inputs[1]);
  const bool transposed = !is_depthwise(node) &&
                          product_weights(graph, node).input_axis > product_weights(graph, node).output_axis;
  const RowMajor values = (transposed ? RowMajor(weights.transpose().cast<float>()) : weights.cast<float>());
  TRY_ASSIGN(Tensor tensor, Tensor::of_f32(old.shape, {values.data(), static_cast<size_t>(values.size())}));
  const Eigen::VectorXf bias_values = bias.cast<float>();
  TRY_ASSIGN(Tensor bias_tensor,
             Tensor::of_f32(Shape{bias.size()}, {bias_values.data(), static_cast<size_t>(bias.size())}));
  set_operand(graph, id, 1, old.name, std::move(tensor));
  set_operand(graph, id, 2, graph.node(id).name + "/bias", std::move(bias_tensor));
  return {};
}

Eigen::VectorXd bias_of(const Graph& graph, const Node& node) {
  if (node.inputs.size() < 3) {
    const int32_t channels = graph.value(node.outputs[0]).shape.back();
    return Eigen::VectorXd::Zero(channels);
  }
  const Tensor& tensor = graph.value(node.inputs[2]).constant;
  return Eigen::Map<const Eigen::VectorXf>(tensor.as<float>(), tensor.shape().elements()).cast<double>();
}

Moments::Moments(int x_columns, int y_columns)
    : x_sum(Eigen::VectorXd::Zero(x_columns)),
      y_sum(Eigen::VectorXd::Zero(y_columns)),
      xx(Eigen::MatrixXd::Zero(x_columns, x_columns)),
      xy(Eigen::MatrixXd::Zero(x_columns, y_columns)) {}

void Moments::add(const float* x, const float* y, int64_t rows) {
  for (int64_t first = 0; first < rows; first += kBlockRows) {
    const int64_t part = std::min(kBlockRows, rows - first);
    const Eigen::Map<const RowMajor> xs(x + first * x_sum.size(), part, x_sum.size());
    Eigen::MatrixXf product = Eigen::MatrixXf::Zero(x_sum.size(), x_sum.size());
    product.selfadjointView<Eigen::Lower>().rankUpdate(xs.transpose());
    xx.triangularView<Eigen::Lower>() += product.cast<double>();
    x_sum += xs.colwise().sum().transpose().cast<double>();
    if (y_sum.size() == 0) continue;
    const Eigen::Map<const RowMajor> ys(y + first * y_sum.size(), part, y_sum.size());
    const Eigen::MatrixXf cross = xs.transpose() * ys;
    xy += cross.cast<double>();
    y_sum += ys.colwise().sum().transpose().cast<double>();
    yy += static_cast<double>(ys.squaredNorm());
  }
  count += static_cast<double>(rows);
}

void Moments::add(const Moments& other) {
  count += other.count;
  x_sum += other.x_sum;
  y_sum += other.y_sum;
  xx += other.xx;
  xy += other.xy;
  yy += other.yy;
}

void Moments::add_depthwise(std::vector<Moments>& moments, const float* x, const float* y, int64_t rows) {
  const int64_t channels = static_cast<int64_t>(moments.size()), taps = moments[0].x_sum.size();
  // sums(c, i): over a block of rows, of product i of channel c.
  const int64_t pairs = taps * (taps + 1) / 2;
  for (int64_t first = 0; first < rows; first += kBlockRows) {
    const int64_t end = std::min(rows, first + kBlockRows);
    Eigen::ArrayXXf sums = Eigen::ArrayXXf::Zero(channels, pairs + 2 * taps + 2);
    for (int64_t row = first; row < end; ++row) {
      const Eigen::Map<const Eigen::ArrayXXf> xs(x + row * taps * channels, channels, taps);
      const Eigen::Map<const Eigen::ArrayXf> ys(y + row * channels, channels);
      int64_t at = 0;
      for (int64_t i = 0; i < taps; ++i)
        for (int64_t j = 0; j <= i; ++j) sums.col(at++) += xs.col(i) * xs.col(j);
      for (int64_t i = 0; i < taps; ++i) sums.col(at++) += xs.col(i) * ys;
      for (int64_t i = 0; i < taps; ++i) sums.col(at++) += xs.col(i);
      sums.col(at++) += ys;
      sums.col(at) += ys * ys;
    }
    for (int64_t c = 0; c < channels; ++c) {
      Moments& one = moments[static_cast<size_t>(c)];
      int64_t at = 0;
      const auto next = [&] { return static_cast<double>(sums(c, at++)); };
      for (int64_t i = 0; i < taps; ++i)
        for (int64_t j = 0; j <= i; ++j) one.xx(i, j) += next();
      for (int64_t i = 0; i < taps; ++i) one.xy(i, 0) += next();
      for (int64_t i = 0; i < taps; ++i) one.x_sum(i) += next();
      one.y_sum(0) += next();
      one.yy += next();
      one.count += static_cast<double>(end - first);
    }
  }
}

Eigen::MatrixXd Moments::covariance() const {
  Eigen::MatrixXd full = xx.selfadjointView<Eigen::Lower>();
  return full / count - x_mean() * x_mean().transpose();
}

Eigen::MatrixXd Moments::cross_covariance() const {
  return xy / count - x_mean() * y_mean().transpose();
}

double Moments::y_variance() const {
  return yy / count - y_mean().squaredNorm();
}

}  // namespace linnet

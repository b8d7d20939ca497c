#include "compress/window_moments.h"

#include <algorithm>

namespace linnet {

namespace {

using Eigen::Index;
using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// a <= b
Index pair_index(Index a, Index b) {
  return b * (b + 1) / 2 + a;
}

}  // namespace

WindowMoments::WindowMoments(const Graph& graph, const Node& node, bool pairs)
    : layout_(weight_layout(graph, node)),
      depthwise_(node.op == Op::depthwise_conv2d),
      pairs_(pairs),
      has_window_(node.op != Op::matmul) {
  const Shape& x = graph.value(node.inputs[0]).shape;
  const Shape& y = graph.value(node.outputs[0]).shape;
  const Shape& w = graph.value(node.inputs[1]).shape;
  inputs_ = x.back();
  windows_ = y.elements() / y.back();
  if (has_window_) window_ = window_of(node.attrs, x, w[0], w[1]);
  const Index depth = layout_.depth, channels = layout_.channels;
  sum_ = depthwise_ ? Eigen::MatrixXd::Zero(channels, depth) : Eigen::MatrixXd::Zero(depth, 1);
  if (pairs_)
    products_ = depthwise_ ? Eigen::MatrixXd::Zero(channels, pair_index(0, depth))
                           : Eigen::MatrixXd::Zero(depth, depth);
}

void WindowMoments::gather(const float* input, int64_t p, float* window) const {
  if (!has_window_) {
    std::copy_n(input + p * inputs_, inputs_, window);
    return;
  }
  std::fill_n(window, int64_t{window_.y.kernel} * window_.x.kernel * inputs_, 0.0f);
  const int64_t per_image = int64_t{window_.y.output} * window_.x.output;
  const auto within = static_cast<int32_t>(p % per_image);
  for_each_tap(window_, static_cast<int32_t>(p / per_image), within / window_.x.output,
               within % window_.x.output, [&](int64_t pixel, int64_t tap) {
                 std::copy_n(input + pixel * inputs_, inputs_, window + tap * inputs_);
               });
}

void WindowMoments::add(const float* input, int64_t windows) {
  const int64_t stride = std::max<int64_t>(windows_ / std::max<int64_t>(windows, 1), 1);
  depthwise_ ? add_depthwise(input, stride) : add_dense(input, stride);
  count_ += static_cast<double>((windows_ + stride - 1) / stride);
}

void WindowMoments::add_dense(const float* input, int64_t stride) {
  RowMajor x((windows_ + stride - 1) / stride, layout_.depth);
  for (Index row = 0; row < x.rows(); ++row) gather(input, row * stride, &x(row, 0));
  sum_ += x.colwise().sum().transpose().cast<double>();
  if (!pairs_) return;
  Eigen::MatrixXf square = Eigen::MatrixXf::Zero(layout_.depth, layout_.depth);
  square.selfadjointView<Eigen::Lower>().rankUpdate(x.transpose());
  products_ += square.cast<double>();
}

void WindowMoments::add_depthwise(const float* input, int64_t stride) {
  const Index depth = layout_.depth, channels = layout_.channels;
  Eigen::MatrixXf window(channels, depth), sum = Eigen::MatrixXf::Zero(channels, depth),
                                           pair = Eigen::MatrixXf::Zero(channels, products_.cols());
  for (int64_t p = 0; p < windows_; p += stride) {
    gather(input, p, window.data());
    sum += window;
    for (Index b = 0; pairs_ && b < depth; ++b)
      for (Index a = 0; a <= b; ++a)
        pair.col(pair_index(a, b)).array() += window.col(b).array() * window.col(a).array();
  }
  sum_ += sum.cast<double>();
  if (pairs_) products_ += pair.cast<double>();
}

Eigen::VectorXd WindowMoments::mean(int64_t part) const {
  if (depthwise_) return sum_.row(part).transpose() / count_;
  return sum_.col(0) / count_;
}

Eigen::MatrixXd WindowMoments::covariance(int64_t part) const {
  const Index depth = layout_.depth;
  const Eigen::VectorXd centre = mean(part);
  Eigen::MatrixXd result(depth, depth);
  for (Index b = 0; b < depth; ++b)
    for (Index a = 0; a <= b; ++a)
      result(a, b) = result(b, a) =
          (depthwise_ ? products_(part, pair_index(a, b)) : products_(b, a)) / count_ - centre[a] * centre[b];
  return result;
}

}  // namespace linnet
